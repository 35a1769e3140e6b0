//! What a test plays on: a service over a world of its own, and the browsers of the people in it.

use std::sync::Mutex;

use fabric_auth::contract::Caller;
use fabric_auth_tests::ServiceWorld;

use crate::driver;
use crate::visitor::Visitor;

/// A service, and everybody who has come.
pub(crate) struct Stage {
    pub(crate) service: ServiceWorld,
    test: String,
    visitors: Mutex<Vec<Visitor>>,
}

impl Stage {
    /// A stage for the test of this name.
    pub(crate) fn new(service: ServiceWorld, test: &str) -> Self {
        Self { service, test: test.to_owned(), visitors: Mutex::default() }
    }

    /// Somebody in a browser that has never been here.
    pub(crate) async fn visitor(&self) -> Visitor {
        let visitor = Visitor::new(driver(), &self.service.base_url, &self.test).await;
        self.visitors.lock().unwrap().push(visitor.clone());
        visitor
    }

    /// A new user of the service, who is to the component what this caller is, signed in to the console.
    pub(crate) async fn person(&self, caller: &Caller) -> Visitor {
        let visitor = self.visitor().await;
        visitor.sign_in(&self.service.api_token(caller).await).await;
        visitor
    }

    /// Where the workspace's pages are.
    pub(crate) fn workspace(&self) -> &str {
        self.service.world.workspace.url()
    }

    /// Closes the browsers and ends the service. Of a test that has failed there are pictures then.
    pub(crate) async fn end(self, failed: bool) {
        let visitors = std::mem::take(&mut *self.visitors.lock().unwrap());
        for (number, visitor) in visitors.into_iter().enumerate() {
            if failed {
                visitor.last_picture(&format!("failed-{number}")).await;
            }
            visitor.leave().await;
        }
        self.service.end().await;
    }
}
