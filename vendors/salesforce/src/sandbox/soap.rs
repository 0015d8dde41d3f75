//! SOAP login and logout: three envelope dialects in, answers plain enough for clients that read them by pattern
//! (research notes §1.2).

use super::rest::Resp;
use super::{Salesforce, auth};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use quick_xml::events::Event;
use std::collections::BTreeMap;
use syncline_kit::{HttpRequest, HttpResponse};

/// Not offered from this version on [jsf].
const LAST_VERSION: u32 = 64;

pub(super) fn answer(sandbox: &mut Salesforce, request: &HttpRequest, path: &str) -> HttpResponse {
    let body = String::from_utf8_lossy(request.body()).into_owned();
    let Some(texts) = elements(&body) else {
        return fault(sandbox, "soapenv:Client", "the message is not well-formed XML");
    };
    let get = |name: &str| texts.get(name).cloned().unwrap_or_default();
    if texts.contains_key("logout") {
        sandbox.auth.expire(Some(&get("sessionId")));
        return xml(sandbox, 200, "<logoutResponse/>");
    }
    if !texts.contains_key("login") {
        return fault(sandbox, "sf:API_CURRENTLY_DISABLED", "this sandbox offers login and logout over SOAP");
    }
    let version =
        path.split('/').nth(4).and_then(|v| v.split('.').next()).and_then(|v| v.parse::<u32>().ok());
    if version.is_none_or(|v| v > LAST_VERSION) {
        return fault(sandbox, "sf:UNSUPPORTED_API_VERSION", "login() is not offered in this API version");
    }
    let Some(session) = sandbox.auth.log_in(&sandbox.org, &get("username"), &get("password")) else {
        let text = "Invalid username, password, security token; or user locked out.";
        return fault(sandbox, "sf:INVALID_LOGIN", text);
    };
    let store = &sandbox.org.store;
    let org_id = store.id(sandbox.org.organization);
    let user_id = store.id(sandbox.org.api_user);
    let server = format!("{}{}/{}", sandbox.base_url, path.trim_end_matches('/'), &org_id[..15]);
    let name = auth::username(&sandbox.org);
    let result = format!(
        "<loginResponse><result><metadataServerUrl>{}</metadataServerUrl><passwordExpired>false</passwordExpired>\
         <sandbox>true</sandbox><serverUrl>{server}</serverUrl><sessionId>{session}</sessionId>\
         <userId>{user_id}</userId><userInfo><organizationId>{org_id}</organizationId>\
         <organizationName>Syncline Sandbox</organizationName><sessionSecondsValid>{}</sessionSecondsValid>\
         <userEmail>{name}</userEmail><userFullName>Integration User</userFullName><userId>{user_id}</userId>\
         <userLanguage>en_US</userLanguage><userLocale>en_US</userLocale><userName>{name}</userName>\
         <userTimeZone>Etc/UTC</userTimeZone><userType>Standard</userType></userInfo></result></loginResponse>",
        server.replace("/u/", "/m/"),
        sandbox.org.knobs.session_s,
    );
    xml(sandbox, 200, &result)
}

fn fault(sandbox: &Salesforce, code: &str, text: &str) -> HttpResponse {
    let bare = code.rsplit(':').next().unwrap_or(code);
    let body = format!(
        "<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{bare}: {text}</faultstring><detail>\
         <sf:LoginFault xsi:type=\"sf:LoginFault\"><sf:exceptionCode>{bare}</sf:exceptionCode>\
         <sf:exceptionMessage>{text}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>"
    );
    xml(sandbox, 500, &body)
}

/// Envelope and body prefixed, the body without attributes.
fn xml(sandbox: &Salesforce, status: u16, inner: &str) -> HttpResponse {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"urn:partner.soap.sforce.com\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
    );
    let mut response = sandbox.answer(Resp::empty(status), None);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml;charset=UTF-8"));
    *response.body_mut() = Bytes::from(text);
    response
}

/// Local names of elements → their text; prefixes do not matter. `None`: not well formed.
fn elements(text: &str) -> Option<BTreeMap<String, String>> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open: Vec<String> = Vec::new();
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let event = reader.read_event().ok()?;
        let mut add = |text: &str| {
            if let Some(name) = open.last() {
                found.entry(name.clone()).or_default().push_str(text);
            }
        };
        if let Event::Text(text) = &event {
            add(&text.decode().ok()?);
        } else if let Event::CData(text) = &event {
            add(&text.decode().ok()?);
        } else if let Event::GeneralRef(entity) = &event {
            if let Some(c) = entity.resolve_char_ref().ok()? {
                add(&c.to_string());
            } else {
                add(quick_xml::escape::resolve_predefined_entity(&entity.decode().ok()?)?);
            }
        } else if let Event::Start(start) = &event {
            let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
            found.entry(name.clone()).or_default();
            open.push(name);
        } else if let Event::Empty(empty) = &event {
            found.entry(String::from_utf8_lossy(empty.local_name().as_ref()).into_owned()).or_default();
        } else if let Event::End(_) = &event {
            open.pop();
        } else if let Event::Eof = &event {
            return if open.is_empty() && !found.is_empty() { Some(found) } else { None };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_entities_and_character_data_are_read() {
        let text = "<e:Envelope><e:Body><n1:login><n1:username>a&amp;b</n1:username>\
                    <n1:password>p&#60;<![CDATA[&x]]></n1:password></n1:login></e:Body></e:Envelope>";
        let found = elements(text).unwrap();
        assert_eq!(found["username"], "a&b");
        assert_eq!(found["password"], "p<&x");
        assert!(found.contains_key("login"));
        assert!(elements("<a><b></a>").is_none());
    }
}
