//! The table of all keys: the one home of their names, defaults and descriptions.

/// A key of the configuration.
#[derive(Debug)]
pub(super) struct Key {
    /// The table it stands in.
    pub(super) table: &'static str,
    /// Its name within the table.
    pub(super) name: &'static str,
    /// The default, as TOML; none if there is no value unless one is set.
    pub(super) default: Option<&'static str>,
    /// An example for the template, as TOML, where there is no default.
    pub(super) example: &'static str,
    /// One line for the template.
    pub(super) description: &'static str,
}

/// What the names of all environment variables begin with.
pub(super) const VARIABLE_PREFIX: &str = "FABRIC_AUTH_";

/// Variables with the prefix that belong to the command line and are no keys.
pub(super) const COMMAND_LINE_VARIABLES: &[&str] = &["FABRIC_AUTH_CONFIG", "FABRIC_AUTH_LOG", "FABRIC_AUTH_OUTPUT"];

impl Key {
    /// The full name: `table.name`.
    pub(super) fn full_name(&self) -> String {
        format!("{}.{}", self.table, self.name)
    }

    /// The environment variable that sets the key: `FABRIC_AUTH_TABLE_NAME`.
    pub(super) fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}_{}", self.table, self.name).to_ascii_uppercase()
    }
}

/// Declares the keys and the list of all of them together, so that none can be left out of the list.
macro_rules! keys {
    ($($identifier:ident: [$table:literal] $name:literal = $default:expr, $example:literal, $description:literal;)*) => {
        $(pub(super) static $identifier: Key = Key {
            table: $table, name: $name, default: $default, example: $example, description: $description,
        };)*

        /// Every key, in the order of the template. Keys of one table stand together.
        pub(super) static ALL: &[&Key] = &[$(&$identifier),*];
    };
}

keys! {
    DEPLOYMENT_PROPHECY_VERSION: ["deployment"] "prophecy_version" = Some("\"3.4.3.1\""), "",
        "Version of the Prophecy that is served. 3.4.3.1 is the first one with OAuth.";
    DEPLOYMENT_MODE: ["deployment"] "mode" = Some("\"self-hosted\""), "",
        "Where Prophecy runs: \"saas\", \"dedicated-saas\" or \"self-hosted\".";
    DEPLOYMENT_BASE_URL: ["deployment"] "base_url" = Some("\"http://localhost:8020\""), "",
        "Root URL of Prophecy as browsers see it; https, or http to localhost.";
    DEPLOYMENT_REDIRECT_URLS: ["deployment"] "redirect_urls" = Some("[]"), "",
        "Redirect URLs as registered with the app connection, the default first. Empty: the two below base_url.";
    DEPLOYMENT_DEFAULT_CLIENT_ID: ["deployment"] "default_client_id" = None, "\"0a1b2c3d-0000-0000-0000-000000000000\"",
        "SaaS only: client id of the app connection that is there from the start.";
    DEPLOYMENT_DEFAULT_CLIENT_SECRET_FILE: ["deployment"] "default_client_secret_file" = None, "\"client-secret\"",
        "SaaS only: file with that app connection's client secret, readable by its owner alone.";
    DEPLOYMENT_TENANT: ["deployment"] "tenant" = Some("\"default\""), "",
        "Tenant whose data the command line works on.";
    STORAGE_URL: ["storage"] "url" = Some("\"sqlite:fabric-auth.db\""), "",
        "Where records are kept: sqlite:PATH, or for hosts on several machines postgres://USER@HOST:PORT/DATABASE.";
    STORAGE_MAX_CONNECTIONS: ["storage"] "max_connections" = Some("8"), "",
        "PostgreSQL only: how many connections this host makes at most, besides one that listens; 1 to 100.";
    JOURNAL_KEEP_DAYS: ["journal"] "keep_days" = Some("365"), "",
        "For how many days events of the audit journal are kept; 1 to 36500.";
    JOURNAL_KEEP_EVENTS: ["journal"] "keep_events" = Some("1000000"), "",
        "How many events of each host are kept at most, however young; 1000 to 1000000000. A million fill about a gigabyte.";
    JOURNAL_HOST: ["journal"] "host" = None, "\"web-1\"",
        "Name under which this host's events are chained. Default: the machine's. Set it where machines get random names.";
    KEYS_FILE: ["keys"] "file" = Some("\"keyring.json\""), "",
        "File of the key ring, a JWK set. Whoever has it and the database has every token.";
    COMPONENT_FILE: ["component"] "file" = None, "\"fabric-auth.wasm\"",
        "Component to run instead of the built-in one. Needs sha256.";
    COMPONENT_SHA256: ["component"] "sha256" = None, "\"…64 hexadecimal digits…\"",
        "SHA-256 digest of that file. Any other content is refused.";
    COMPONENT_CACHE: ["component"] "cache" = Some("\"cache\""), "",
        "Folder for the compiled component.";
    EGRESS_ALLOW: ["egress"] "allow" = Some("[]"), "",
        "Hosts (\"dbc-a1b2.cloud.databricks.com\") or endings (\".azuredatabricks.net\") to go to, and no others. Empty: all of Databricks.";
    EGRESS_WORKSPACE_SUFFIXES: ["egress"] "workspace_suffixes" = Some("[]"), "",
        "Further endings of workspace host names besides Databricks' own, such as \".databricks.example.com\".";
    EGRESS_ALLOW_LOOPBACK_HTTP: ["egress"] "allow_loopback_http" = Some("false"), "",
        "Whether to let plain http to this machine through, for tests.";
    EGRESS_ALLOW_PRIVATE_ADDRESSES: ["egress"] "allow_private_addresses" = Some("false"), "",
        "Whether workspaces may have private addresses, as with Databricks' front-end private link.";
    EGRESS_CA_FILE: ["egress"] "ca_file" = None, "\"company-roots.pem\"",
        "PEM file of root certificates to trust besides the public ones.";
    EGRESS_CONNECT_TIMEOUT_SECONDS: ["egress"] "connect_timeout_seconds" = Some("10"), "",
        "How long connecting may take, TLS included; 1 to 600.";
    EGRESS_TOTAL_TIMEOUT_SECONDS: ["egress"] "total_timeout_seconds" = Some("60"), "",
        "How long a request and its whole reply may take; 1 to 600.";
    SERVICE_LISTEN: ["service"] "listen" = Some("\"127.0.0.1:8020\""), "",
        "Address and port of `fabric-auth serve`. On other addresses than this machine's own it needs TLS or a proxy.";
    SERVICE_TLS_CERTIFICATE_FILE: ["service"] "tls_certificate_file" = None, "\"tls.crt\"",
        "PEM file with the service's certificate and those that lead to its authority. Read again when it changes.";
    SERVICE_TLS_KEY_FILE: ["service"] "tls_key_file" = None, "\"tls.key\"",
        "PEM file with the certificate's private key.";
    SERVICE_TRUSTED_PROXIES: ["service"] "trusted_proxies" = Some("[]"), "",
        "Reverse proxies (addresses or networks) whose X-Forwarded-For and X-Forwarded-Proto are believed.";
    SERVICE_SESSION_HOURS: ["service"] "session_hours" = Some("12"), "",
        "How long somebody stays signed in to the console; 1 to 720.";
    GATEWAY_LISTEN: ["gateway"] "listen" = None, "\"127.0.0.1:8021\"",
        "Address and port of the edge gateway of `fabric-auth serve`; without it there is none. TLS and proxies as for the service.";
    GATEWAY_DOMAIN: ["gateway"] "domain" = None, "\"gateway.example.com\"",
        "Requests for dev.gateway.example.com go to the fabric dev. In any case a request may name one by `Prophecy-Fabric`.";
    GATEWAY_DEFAULT_FABRIC: ["gateway"] "default_fabric" = None, "\"dev\"",
        "The fabric of requests that name none.";
    GATEWAY_FORWARD_AUTH: ["gateway"] "forward_auth" = Some("false"), "",
        "Whether other gateways may ask here for the token of a request. Keep clients from /.prophecy/ then.";
    GATEWAY_ALLOWED_PATHS: ["gateway"] "allowed_paths" = Some("[]"), "",
        "Path prefixes that are let through although they make tokens, read secrets or are of the account; `*` is one segment.";
    GATEWAY_REFUSED_PATHS: ["gateway"] "refused_paths" = Some("[]"), "",
        "Further path prefixes that are not let through.";
    GATEWAY_MOST_OF_ONE_CALLER: ["gateway"] "most_of_one_caller" = Some("128"), "",
        "How many requests of one caller may be under way at once; 1 to 1024.";
    GATEWAY_MOST_OF_ONE_FABRIC: ["gateway"] "most_of_one_fabric" = Some("256"), "",
        "How many requests to one fabric may be under way at once; 1 to 1024.";
    GATEWAY_REQUESTS_PER_MINUTE: ["gateway"] "requests_per_minute" = Some("60000"), "",
        "How many requests one caller may begin in a minute; 1 to 10000000.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_keys_share_a_name_or_a_variable() {
        let names: BTreeSet<_> = ALL.iter().map(|key| key.full_name()).collect();
        let mut variables: BTreeSet<_> = ALL.iter().map(|key| key.variable()).collect();
        variables.extend(COMMAND_LINE_VARIABLES.iter().map(ToString::to_string));
        assert_eq!(names.len(), ALL.len());
        assert_eq!(variables.len(), ALL.len() + COMMAND_LINE_VARIABLES.len());
    }

    #[test]
    fn a_key_without_a_default_has_an_example() {
        for key in ALL {
            assert_eq!(key.default.is_none(), !key.example.is_empty(), "{}", key.full_name());
        }
    }
}
