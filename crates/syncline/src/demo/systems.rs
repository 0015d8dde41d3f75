//! Both vendors' sandboxes, loaded and served on this machine, and what people do in them.

use super::company::Company;
use crate::{
    failure::{Exit, Failure},
    registry,
};
use bytes::Bytes;
use serde_json::{Value, json};
use std::{net::Ipv4Addr, path::Path, sync::Arc};
use syncline_engine::Outside;
use syncline_kit::{
    HttpRequest, Transport,
    sandbox::{Limits, seed::SeedFiles},
};
use syncline_model::error::Code;
use syncline_server::sandbox_server::{SandboxServer, TlsChoice, serve_sandbox};

/// The field that an administrator of Salesforce installs (`syncline setup salesforce` writes the package).
const KEYED: [&str; 4] = ["Account", "Contact", "Lead", "Opportunity"];

/// Both systems.
pub(crate) struct Systems {
    /// HubSpot.
    pub(crate) hubspot: System,
    /// Salesforce.
    pub(crate) salesforce: System,
}

/// One of them.
pub(crate) struct System {
    server: SandboxServer,
    transport: Arc<dyn Transport>,
}

impl Systems {
    /// Loads and serves both.
    pub(crate) async fn start(company: &Company, outside: &Outside) -> Result<Self, Failure> {
        let hubspot = System::start("hubspot", &company.hubspot, outside).await?;
        let salesforce = System::start("salesforce", &company.salesforce, outside).await?;
        for object in KEYED {
            let field = json!({"do": "add_field", "object": object, "name": "Syncline_Id__c", "type": "text",
                "length": 36, "external_id": true, "unique": true});
            salesforce.admin(field).await?;
        }
        Ok(Self { hubspot, salesforce })
    }

    /// What a person may do while `serve` runs there.
    pub(crate) fn what_to_try(&self, serving: &str, dir: &Path) -> String {
        let (hubspot, salesforce, dir) = (self.hubspot.url(), self.salesforce.url(), dir.display());
        format!(
            "   health   curl {serving}/healthz\n   \
             metrics  curl {serving}/metrics\n   \
             try      an edit in HubSpot is in Salesforce within seconds:\n            \
             curl {hubspot}/__sandbox/admin -d \
             '{{\"do\":\"create\",\"object\":\"contacts\",\"properties\":{{\"email\":\"you@example.com\",\
             \"firstname\":\"Your\",\"lastname\":\"Name\"}}}}'\n            \
             curl '{salesforce}/__sandbox/dump?object=Lead'\n   \
             look     syncline history --dir {dir}"
        )
    }

    /// Ends both.
    pub(crate) async fn stop(self) {
        self.hubspot.server.stop().await;
        self.salesforce.server.stop().await;
    }

    /// Each with its name.
    pub(crate) fn each(&self) -> [(&'static str, &System); 2] {
        [("hubspot", &self.hubspot), ("salesforce", &self.salesforce)]
    }
}

impl System {
    async fn start(name: &str, seed: &SeedFiles, outside: &Outside) -> Result<Self, Failure> {
        let failed = |why: String| failure(name, &why);
        let vendor = registry::vendor(name).ok_or_else(|| failed("it is not in this program".to_owned()))?;
        let mut sandbox = (vendor.sandbox)(Limits::Real, 1);
        sandbox.seed(seed, outside.clock.now()).map_err(|error| failed(error.to_string()))?;
        let server = serve_sandbox(sandbox, (Ipv4Addr::LOCALHOST, 0).into(), TlsChoice::Off)
            .await
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { server, transport: outside.transport.clone() })
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    /// The line that `connect` takes.
    pub(crate) fn line(&self) -> String {
        json!({"vendor": self.server.vendor(), "url": self.url(), "credentials": self.server.credentials()})
            .to_string()
    }

    /// Something that a person does there.
    pub(crate) async fn admin(&self, act: Value) -> Result<Value, Failure> {
        self.control(http::Method::POST, "admin", act.to_string()).await
    }

    /// All records as they are stored there.
    pub(crate) async fn dump(&self) -> Result<Value, Failure> {
        self.control(http::Method::GET, "dump", String::new()).await
    }

    /// Calls made so far, and limits overstepped.
    pub(crate) async fn calls(&self) -> Result<Value, Failure> {
        self.control(http::Method::GET, "calls", String::new()).await
    }

    async fn control(&self, method: http::Method, what: &str, body: String) -> Result<Value, Failure> {
        let failed = |why: String| failure(self.server.vendor(), &why);
        let mut request = HttpRequest::new(Bytes::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}/__sandbox/{what}", self.url())
            .parse()
            .map_err(|error: http::uri::InvalidUri| failed(error.to_string()))?;
        let answer = self.transport.send(request).await.map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        if !answer.status().is_success() {
            return Err(failed(format!("{what}: {} {text}", answer.status())));
        }
        serde_json::from_str(&text).map_err(|error| failed(format!("{what}: {error}")))
    }
}

pub(super) fn failure(name: &str, why: &str) -> Failure {
    Failure::new(Exit::Error, Code(115), format!("the demo's {name} does not work")).because(why)
}
