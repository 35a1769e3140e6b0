//! The file in which Prophecy's build tool keeps fabrics (`fabrics.yml`): what stands in it, with its placeholders
//! resolved.
//!
//! `fabrics` is a list of `{name, type, provider, databricks: {url, auth_type, oauth_credentials: {client_id,
//! client_secret}}}`; the names of Prophecy's API (`authType`, `oAuthType`, `clientId`, …) are understood too. Beyond both
//! there is `client_secret_expires`, the day on which the secret ends. What is wrong is told by its place and never
//! quoted.

#[cfg(test)]
mod tests;
mod values;

use fabric_auth::contract::{Authentication, FabricKind};
use secrecy::SecretString;

use self::values::{Members, Value, wrong};
use super::expiry::Expiry;
use super::text_tree::{self, Node};

pub(super) use self::values::Wrong;

/// What stands in a file.
pub(super) struct FabricsFile {
    /// The fabrics with Databricks as provider; at least one.
    pub(super) fabrics: Vec<FileFabric>,
    /// Names of those with another one.
    pub(super) passed_over: Vec<String>,
    /// Where personal access tokens stand, which are not taken from a file.
    pub(super) tokens: Vec<String>,
    /// Where secrets stand in the file itself.
    pub(super) open_secrets: Vec<String>,
}

/// A fabric of a file.
pub(super) struct FileFabric {
    /// Where it stands: `fabrics[0]`.
    pub(super) place: String,
    pub(super) name: String,
    pub(super) kind: FabricKind,
    pub(super) workspace: String,
    pub(super) authentication: Authentication,
    pub(super) app_connection: Option<String>,
    pub(super) principal: FilePrincipal,
}

/// What a file says of a fabric's service principal.
pub(super) enum FilePrincipal {
    /// Nothing.
    Unnamed,
    /// That there is none.
    Nobody,
    /// These credentials.
    Credentials { client_id: String, secret: SecretString, expires: Option<Expiry> },
}

/// Members of `databricks` and of `oauth_credentials`, with what differs between the spellings taken out.
const DATABRICKS: [&str; 10] = [
    "url",
    "token",
    "volume",
    "authtype",
    "oauthtype",
    "oauthcredentials",
    "oauthappregistrationid",
    "clientid",
    "clientsecret",
    "clientsecretexpires",
];
const CREDENTIALS: [&str; 3] = ["clientid", "clientsecret", "clientsecretexpires"];

/// Reads a file. `variable` gives what an environment variable holds.
pub(super) fn read(document: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<FabricsFile, Wrong> {
    let root = text_tree::read(document).map_err(|message| Wrong { place: String::new(), message })?;
    let root = Members::of(&root, String::new(), variable)?;
    let Some((place, Node::List(list))) = root.find("fabrics")? else {
        return Err(wrong("fabrics", "The file needs a list of this name."));
    };
    let mut file =
        FabricsFile { fabrics: Vec::new(), passed_over: Vec::new(), tokens: Vec::new(), open_secrets: Vec::new() };
    for (index, node) in list.iter().enumerate() {
        file.add(&Members::of(node, format!("{place}[{index}]"), variable)?)?;
    }
    if file.fabrics.is_empty() {
        return Err(wrong("fabrics", "None of them has Databricks as provider."));
    }
    Ok(file)
}

impl FabricsFile {
    fn add(&mut self, members: &Members<'_>) -> Result<(), Wrong> {
        let name = members.needed("name")?;
        let provider = members.text("provider")?;
        let section = match members.find("databricks")? {
            Some((_, Node::Nothing)) | None => None,
            Some((place, node)) => Some(Members::of(node, place, members.variable)?),
        };
        let is_databricks = provider.as_ref().map_or(section.is_some(), |provider| provider.is("databricks"));
        if !is_databricks {
            self.passed_over.push(name.into_plain());
            return Ok(());
        }
        let Some(section) = section else {
            return Err(wrong(&members.place_of("databricks"), "A fabric on Databricks needs these members."));
        };
        if self.fabrics.iter().any(|fabric| fabric.name == name.text.trim()) {
            return Err(wrong(&name.place, "Another fabric of the file has this name."));
        }
        let kind = members.needed("type")?.one_of(&[("spark", FabricKind::Spark), ("sql", FabricKind::Sql)])?;
        let fabric = self.databricks_fabric(members, &section, name, kind)?;
        self.fabrics.push(fabric);
        Ok(())
    }

    fn databricks_fabric(
        &mut self,
        members: &Members<'_>,
        section: &Members<'_>,
        name: Value,
        kind: FabricKind,
    ) -> Result<FileFabric, Wrong> {
        section.only(&DATABRICKS)?;
        let token = section.text("token")?;
        let principal = self.principal(section)?;
        let authentication = match section.text("authtype")? {
            Some(named) => {
                named.one_of(&[("oauth", Authentication::Oauth), ("pat", Authentication::PersonalAccessToken)])?
            }
            // The tool's older files have a token and no word on it.
            None if token.is_some() && matches!(principal, FilePrincipal::Unnamed) => {
                Authentication::PersonalAccessToken
            }
            None => Authentication::Oauth,
        };
        self.tokens.extend(token.map(|token| token.place));
        Ok(FileFabric {
            place: members.place.clone(),
            name: name.into_plain(),
            kind,
            workspace: section.needed("url")?.into_plain(),
            authentication,
            app_connection: section.text("oauthappregistrationid")?.map(Value::into_plain),
            principal,
        })
    }

    /// The service principal: both of its credentials or neither, in a section of their own or beside the rest.
    fn principal(&mut self, section: &Members<'_>) -> Result<FilePrincipal, Wrong> {
        let nested = match section.find("oauthcredentials")? {
            Some((_, Node::Nothing)) | None => None,
            Some((place, node)) => Some(Members::of(node, place, section.variable)?),
        };
        if let Some(nested) = &nested {
            nested.only(&CREDENTIALS)?;
            for name in CREDENTIALS {
                if let Some((place, _)) = section.find(name)? {
                    return Err(wrong(&place, "Credentials stand in one place only."));
                }
            }
        }
        let holder = nested.as_ref().unwrap_or(section);
        let (client_id, secret) = (holder.text("clientid")?, holder.text("clientsecret")?);
        let expires = match holder.text("clientsecretexpires")? {
            Some(value) => Some(value.expiry()?),
            None => None,
        };
        let kind = section.text("oauthtype")?;
        let is_machine = kind.as_ref().map(|kind| kind.one_of(&[("u2m", false), ("m2m", true)])).transpose()?;
        match (client_id, secret, is_machine) {
            (None, None, Some(false)) => Ok(FilePrincipal::Nobody),
            (None, None, None) if expires.is_none() => Ok(FilePrincipal::Unnamed),
            (Some(client_id), _, Some(false)) => {
                Err(wrong(&client_id.place, "With people alone (u2m) there is no service principal."))
            }
            (Some(client_id), Some(secret), _) => {
                if secret.literal {
                    self.open_secrets.push(secret.place);
                }
                let secret = SecretString::from(secret.text.as_str());
                Ok(FilePrincipal::Credentials { client_id: client_id.into_plain(), secret, expires })
            }
            (None, _, _) => Err(wrong(&holder.place_of("client_id"), "A service principal has both, id and secret.")),
            (_, None, _) => {
                Err(wrong(&holder.place_of("client_secret"), "A service principal has both, id and secret."))
            }
        }
    }
}
