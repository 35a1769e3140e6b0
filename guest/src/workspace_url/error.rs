//! Why something is not the URL of a workspace.

use core::fmt;

use crate::text;

/// No more than this of what was entered is shown again, in bytes.
const MAX_ECHO_BYTES: usize = 64;

/// Why something is not the URL of a workspace. The text says what would be right, in one sentence or two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkspaceUrlError {
    /// Nothing was entered, or there is nothing where the host should be.
    NoHost,
    /// Longer than any such URL.
    TooLong,
    /// A control character.
    ControlCharacter,
    /// A backslash, which some programs read as a slash.
    Backslash,
    /// A scheme other than https.
    Scheme,
    /// Plain http to another machine.
    PlainHttp,
    /// A user name, password or token before an `@`. Not shown.
    UserInformation,
    /// A percent-escape in the host.
    PercentEscape,
    /// A character outside ASCII in the host: a mistake, or a name that only looks like another.
    NonAscii,
    /// White space in the host.
    Space,
    /// An IP address.
    IpAddress,
    /// An address of this machine, where that is not allowed.
    Loopback,
    /// Another port than 443, or none that is a number.
    Port,
    /// Something else that no host name has: an empty, overlong or misspelled label.
    HostName,
    /// The host of an account console.
    AccountConsole(String),
    /// A host in none of the zones where workspaces are.
    OutsideZones(String),
    /// The workspace id is not a number.
    WorkspaceId,
    /// The account id is not a UUID.
    AccountId,
    /// Different workspace ids, or different account ids, in one URL.
    Contradiction,
    /// The JDBC URL of a driver that is not supported.
    JdbcDriver,
    /// A JDBC URL with a password, token or secret. Its key is given here; its value never.
    JdbcSecret(String),
    /// A `httpPath` that names neither a warehouse nor a cluster, or two of them.
    JdbcHttpPath,
}

impl fmt::Display for WorkspaceUrlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = match self {
            Self::NoHost => {
                "There is no host in it. Enter the URL of the workspace, such as https://dbc-a1b2.cloud.databricks.com."
            }
            Self::TooLong => "It is too long. Enter only the first part of the workspace's URL, up to the host.",
            Self::ControlCharacter => "There is a control character in it. Type the URL instead of pasting it.",
            Self::Backslash => "There is a backslash in it. Write slashes.",
            Self::Scheme => "A workspace URL begins with https://.",
            Self::PlainHttp => "A workspace is reached by https only. Write https:// instead of http://.",
            Self::UserInformation => {
                "There is a user name or password before an @ in it. Leave that out, and change the password if it was real."
            }
            Self::PercentEscape => "There is a percent sign in the host. Write the host as it is.",
            Self::NonAscii => {
                "There is a character in the host that is not a letter a to z, digit, hyphen or dot, though it may look like one. Type the URL instead of pasting it."
            }
            Self::Space => "There is a space in the host. Leave it out.",
            Self::IpAddress => "This is an IP address. Enter the workspace by its name.",
            Self::Loopback => {
                "This is an address of the machine itself. A simulated workspace there needs http:// and the operator's permission for plain http to loopback."
            }
            Self::Port => "A workspace is reached on port 443 only. Leave the port out.",
            Self::HostName => {
                "This is not a host name: between dots stand 1 to 63 letters, digits or hyphens, with no hyphen first or last, and no dot at the end."
            }
            Self::AccountConsole(host) => return account_console(formatter, host),
            Self::OutsideZones(host) => return outside_zones(formatter, host),
            Self::WorkspaceId => {
                "The workspace id in it (`o`, `w` or `workspace_id`) is not a number of up to 20 digits."
            }
            Self::AccountId => "The account id in it (`a` or `account_id`) is not a UUID.",
            Self::Contradiction => {
                "It names two different workspaces or accounts. Enter the URL of the one that is meant."
            }
            Self::JdbcDriver => {
                "A JDBC URL begins with jdbc:databricks://. Choose the form for driver 2.6.25 or later in the connection details of the warehouse."
            }
            Self::JdbcSecret(key) => return jdbc_secret(formatter, key),
            Self::JdbcHttpPath => {
                "Its httpPath names neither a SQL warehouse (/sql/1.0/warehouses/<id>) nor a cluster (/sql/protocolv1/o/<workspace id>/<cluster id>). Copy it from the connection details."
            }
        };
        formatter.write_str(message)
    }
}

fn account_console(formatter: &mut fmt::Formatter<'_>, host: &str) -> fmt::Result {
    let host = text::clean(host, MAX_ECHO_BYTES);
    write!(
        formatter,
        "{host} is an account console, which serves no workspace. Open the workspace from there and enter its URL."
    )
}

fn outside_zones(formatter: &mut fmt::Formatter<'_>, host: &str) -> fmt::Result {
    let host = text::clean(host, MAX_ECHO_BYTES);
    write!(
        formatter,
        "{host} is not the host of a Databricks workspace, such as dbc-a1b2.cloud.databricks.com or \
         adb-123.4.azuredatabricks.net. If it is one by another name, the operator can allow that name."
    )
}

fn jdbc_secret(formatter: &mut fmt::Formatter<'_>, key: &str) -> fmt::Result {
    let key = text::clean(key, MAX_ECHO_BYTES);
    write!(
        formatter,
        "There is a secret in it, under `{key}`. Leave that part out: people sign in themselves, and the service \
         principal's secret has its own field. If it was real, replace it."
    )
}

impl core::error::Error for WorkspaceUrlError {}
