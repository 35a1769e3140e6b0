//! The least that a call like `access-token` can cost: a component that takes the same parameters, gives a constant
//! token of the same bytes, and does nothing else.

use fabric_auth::contract::{Activity, Caller, IdentityKind, TokenDescription};
use wasmtime::component::{Component, Linker, TypedFunc};
use wasmtime::{Store, UpdateDeadline};

use super::direct::engine;

/// Its one function. Like `access-token`, but it knows no errors.
type AccessToken = TypedFunc<(Caller, String, Activity), (Result<(String, TokenDescription), ()>,)>;

/// An instance of it.
pub struct Bare {
    /// The store that it lives in.
    pub store: Store<()>,
    /// The function.
    pub access_token: AccessToken,
}

impl Bare {
    /// Makes one that always gives this token.
    pub async fn new(token: &str, description: &TokenDescription) -> Self {
        let engine = engine();
        let component = wat::parse_str(text(token, description)).expect("well-formed text");
        let component = Component::new(&engine, component).expect("a component");
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let instance = Linker::new(&engine).instantiate_async(&mut store, &component).await.expect("an instance");
        let access_token = instance.get_typed_func(&mut store, "access-token").expect("the function's type");
        Self { store, access_token }
    }
}

/// The component's text. Constants lie at the start of its memory; parameters are put behind them, over those of the
/// call before.
fn text(token: &str, description: &TokenDescription) -> String {
    let mut constants = Constants::default();
    let token = constants.text(token);
    let lineage = constants.text(&description.reference.lineage);
    let user = constants.text(&description.databricks_user);
    let workspace = constants.text(&description.workspace_url);
    let scopes: Vec<_> = description.scopes.iter().map(|scope| constants.text(scope)).collect();
    let scopes = constants.list(&scopes);
    let generation = description.reference.generation;
    let identity = match description.identity {
        IdentityKind::Person => 0,
        IdentityKind::ServicePrincipal => 1,
    };
    let expires_in = description.expires_in;
    let results = [
        "(i32.const 0)".to_owned(),
        token.pushed(),
        lineage.pushed(),
        format!("(i64.const {generation}) (i32.const {identity})"),
        user.pushed(),
        workspace.pushed(),
        scopes.pushed(),
        format!("(i64.const {expires_in})"),
    ];
    include_str!("bare.wat")
        .replace("{constants}", &constants.escaped())
        .replace("{parameters-at}", &constants.end().to_string())
        .replace("{results}", &results.join(" "))
}

/// Bytes that lie in the component's memory from the start.
#[derive(Default)]
struct Constants(Vec<u8>);

/// A text or list among them.
#[derive(Clone, Copy)]
struct Constant {
    at: usize,
    length: usize,
}

impl Constants {
    fn text(&mut self, text: &str) -> Constant {
        let at = self.0.len();
        self.0.extend_from_slice(text.as_bytes());
        Constant { at, length: text.len() }
    }

    fn list(&mut self, elements: &[Constant]) -> Constant {
        self.0.resize(self.end(), 0);
        let at = self.0.len();
        for number in elements.iter().flat_map(|element| [element.at, element.length]) {
            self.0.extend_from_slice(&u32::try_from(number).expect("a small memory").to_le_bytes());
        }
        Constant { at, length: elements.len() }
    }

    /// Where something that is aligned to eight bytes may begin after them.
    fn end(&self) -> usize {
        self.0.len().next_multiple_of(8)
    }

    fn escaped(&self) -> String {
        self.0.iter().map(|byte| format!("\\{byte:02x}")).collect()
    }
}

impl Constant {
    fn pushed(self) -> String {
        format!("(i32.const {}) (i32.const {})", self.at, self.length)
    }
}
