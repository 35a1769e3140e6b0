//! Where on the command line the parameters of the contract stand, so that a refused one is told by the name that was
//! typed.

/// The parameters, spelled as in `wit/`, and the options, arguments and settings that fill them.
const PLACES: [(&str, &str); 27] = [
    ("fabric", "FABRIC"),
    ("name", "NAME"),
    ("email", "--email"),
    ("teams", "--team"),
    ("caller.user", "--user"),
    ("caller.teams", "--team"),
    ("caller.tenant", "deployment.tenant"),
    ("file", "FILE"),
    ("job.run-as", "--run-as"),
    ("client-secret", "--client-secret-file"),
    ("service-principal-secret", "--sp-client-secret-file"),
    ("settings.name", "NAME"),
    ("settings.kind", "--kind"),
    ("settings.workspace", "--workspace-url or --jdbc-url"),
    ("settings.team", "--team"),
    ("settings.app-connection", "--app"),
    ("settings.client-id", "--client-id"),
    ("settings.scopes", "--scopes"),
    ("settings.refresh-token-policy", "--refresh-tokens"),
    ("settings.refresh-token-lifetime", "--refresh-token-days"),
    ("settings.service-principal-client-id", "--sp-client-id"),
    ("settings.service-principal-secret-expires-in", "--sp-secret-expires-in"),
    ("settings.service-principal-scopes", "--sp-scopes"),
    ("settings.compute", "--compute"),
    ("token", "--token-file"),
    ("selection", "--of-user or --of-fabric"),
    ("settings.metadata-crawl-identity", "--crawl-as"),
];

/// What the places in the configuration begin with.
const SETTING: &str = "deployment.";

/// Where the parameter stands, also for one that is named by its place already; none for what nobody types.
pub(super) fn place_of(field: &str) -> Option<&str> {
    let place = PLACES.iter().find(|(name, place)| *name == field || *place == field).map(|(_, place)| *place);
    place.or_else(|| field.starts_with("--").then_some(field))
}

/// What places in a file of fabrics begin with, which is as good as typed.
const FILE_OF_FABRICS: &str = "fabrics";

/// Whether the parameter stands on the command line, or in a file that it names.
pub(super) fn is_typed(field: &str) -> bool {
    field.starts_with(FILE_OF_FABRICS) || place_of(field).is_some_and(|place| !place.starts_with(SETTING))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn spellings(command: &clap::Command, found: &mut Vec<String>) {
        for argument in command.get_arguments() {
            found.extend(argument.get_long().map(|long| format!("--{long}")));
            found.extend(argument.get_value_names().into_iter().flatten().map(ToString::to_string));
        }
        command.get_subcommands().for_each(|command| spellings(command, found));
    }

    #[test]
    fn every_place_is_one_of_the_command_line_or_a_setting() {
        let mut known = Vec::new();
        spellings(&super::super::CommandLine::command(), &mut known);
        for (field, place) in PLACES {
            for place in place.split(" or ") {
                assert!(place.starts_with(SETTING) || known.contains(&place.to_owned()), "{field}: {place}");
            }
        }
    }

    #[test]
    fn what_nobody_types_has_no_place_on_the_command_line() {
        for (field, place, typed) in [
            ("settings.compute", Some("--compute"), true),
            ("--client-id", Some("--client-id"), true),
            ("FABRIC", Some("FABRIC"), true),
            ("caller.tenant", Some("deployment.tenant"), false),
            ("callback-query", None, false),
            ("fabrics[0].databricks.url", None, true),
        ] {
            assert_eq!((place_of(field), is_typed(field)), (place, typed), "{field}");
        }
    }
}
