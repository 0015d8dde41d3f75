//! A company for a contact's e-mail domain, as HubSpot finds or makes one by itself.

use super::edges::End;
use super::kind::Kind;
use super::links::Tie;
use super::portal::{Act, Portal};
use super::table::Source;

impl Portal {
    /// Finds or makes a company for a contact's e-mail domain, where the account wants that (switch).
    pub(super) fn auto_company(&mut self, (kind, slot): End, act: &Act) {
        if kind != Kind::Contacts || !self.knobs.company_auto_create {
            return;
        }
        let Some(domain) = self.text(kind, slot, "hs_email_domain").filter(|domain| !is_freemail(domain))
        else {
            return;
        };
        if self.edges.of((kind, slot), Kind::Companies, 0).next().is_some() {
            return;
        }
        let counts = (self.written, self.unchanged);
        let act = Act { source: Source::Automation, ..*act };
        let named = self.pool.find(&domain).and_then(|sym| self.domains.get(&sym));
        let company = named
            .and_then(|slots| slots.iter().copied().find(|slot| self.table(Kind::Companies).is_live(*slot)))
            .or_else(|| {
                let given =
                    vec![("domain".to_owned(), Some(domain.clone())), ("name".to_owned(), Some(domain))];
                let prepared = self.prepare(Kind::Companies, None, &given).ok()?;
                Some(self.create(Kind::Companies, prepared, &act))
            });
        if let Some(company) = company {
            let end = (Kind::Companies, company);
            self.associate((kind, slot), end, &[279], Tie::Add, &act);
        }
        (self.written, self.unchanged) = counts;
    }
}

fn is_freemail(domain: &str) -> bool {
    [
        "gmail.com",
        "googlemail.com",
        "hotmail.com",
        "outlook.com",
        "yahoo.com",
        "icloud.com",
        "aol.com",
        "gmx.de",
        "gmx.net",
    ]
    .contains(&domain)
}
