//! Addresses, domains and names in the form in which they are compared.

use unicode_normalization::UnicodeNormalization;

/// A usable e-mail address: trimmed, lower case. Plus-addresses stay what they are: to a mail server they are another
/// mailbox.
pub(super) fn email(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, host) = text.rsplit_once('@')?;
    (!local.is_empty() && host.contains('.') && !text.contains(char::is_whitespace)).then_some(text)
}

/// The registrable domain of an address, unless it is a free mail host.
pub fn domain(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', ':']).next()?.rsplit('@').next()?.trim_end_matches('.');
    let found = psl::domain(host.as_bytes())?;
    if NO_COMPANY.contains(&std::str::from_utf8(found.suffix().as_bytes()).ok()?) {
        return None;
    }
    let found = std::str::from_utf8(found.as_bytes()).ok()?.to_owned();
    (!FREE_MAIL.contains(&found.as_str())).then_some(found)
}

/// Names that are kept for private use: what stands under them is no company's domain. Other suffixes that the list of
/// public suffixes does not know are taken as one (its own default rule).
const NO_COMPANY: &[&str] = &["home", "internal", "intranet", "invalid", "lan", "local", "localhost", "test"];

/// Hosts at which anybody can have an address: no company is known by them.
const FREE_MAIL: &[&str] = &[
    "126.com",
    "163.com",
    "aol.com",
    "bluewin.ch",
    "comcast.net",
    "fastmail.com",
    "free.fr",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.de",
    "hotmail.fr",
    "hotmail.it",
    "icloud.com",
    "laposte.net",
    "libero.it",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "orange.fr",
    "outlook.com",
    "outlook.de",
    "outlook.fr",
    "pm.me",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "rediffmail.com",
    "sbcglobal.net",
    "seznam.cz",
    "t-online.de",
    "tutanota.com",
    "verizon.net",
    "wanadoo.fr",
    "web.de",
    "wp.pl",
    "yahoo.ca",
    "yahoo.co.in",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.de",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.it",
    "yandex.com",
    "yandex.ru",
    "ymail.com",
    "zoho.com",
];

/// Legal forms that are no part of a company's name, in folded form without dots.
const LEGAL_FORMS: &[&str] = &[
    "ab",
    "ag",
    "aps",
    "as",
    "asa",
    "bv",
    "co",
    "company",
    "corp",
    "corporation",
    "doo",
    "ehf",
    "gmbh",
    "hf",
    "inc",
    "incorporated",
    "kft",
    "kg",
    "kk",
    "limited",
    "llc",
    "llp",
    "lp",
    "ltd",
    "ltda",
    "mbh",
    "nv",
    "oy",
    "oyj",
    "plc",
    "pty",
    "pvt",
    "sa",
    "sarl",
    "sas",
    "se",
    "sl",
    "spa",
    "srl",
    "sro",
    "zoo",
];

/// A company's name without case, accents, punctuation and trailing legal forms; `None` where nothing is left.
pub fn company_name(name: &str) -> Option<String> {
    let folded = fold(&name.replace(['.', '\''], ""));
    let mut words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
    while words.len() > 1 && words.last().is_some_and(|word| LEGAL_FORMS.contains(word)) {
        words.pop();
    }
    (!words.is_empty()).then(|| words.join(" "))
}

/// Lower case, without accents, every run of other characters one space.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in
        text.nfkd().filter(|character| !unicode_normalization::char::is_combining_mark(*character))
    {
        if character.is_alphanumeric() {
            folded.extend(character.to_lowercase());
        } else if character == '&' {
            folded.push_str(" and ");
        } else if !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn company_names_lose_legal_forms_and_nothing_else() {
        let same =
            |left: &str, right: &str| assert_eq!(company_name(left), company_name(right), "{left} ~ {right}");
        same("Acme, Inc.", "ACME");
        same("Müller & Söhne GmbH", "muller and sohne");
        same("Acme S.p.A.", "Acme SpA");
        assert_ne!(company_name("Acme Foods"), company_name("Acme"));
        assert_eq!(company_name("AG"), Some("ag".to_owned()), "a legal form alone is the name");
        assert_eq!(company_name("--"), None);
    }

    #[test]
    fn domains_are_registrable_and_free_mail_is_no_company() {
        assert_eq!(domain("https://www.Shop.Acme.co.uk/de?x"), Some("acme.co.uk".to_owned()));
        assert_eq!(domain("ada@acme.com"), Some("acme.com".to_owned()));
        assert_eq!(domain("gmail.com"), None);
        assert_eq!(domain("localhost"), None);
        assert_eq!(domain("printer.local"), None);
        assert_eq!(domain("www.acme.example"), Some("acme.example".to_owned()));
        assert_eq!(domain(""), None);
    }

    #[test]
    fn mailboxes_are_kept_apart() {
        assert_eq!(email(" Ada+x@Acme.com "), Some("ada+x@acme.com".to_owned()));
        for bad in ["ada", "@acme.com", "ada@acme", "a b@acme.com"] {
            assert_eq!(email(bad), None, "{bad}");
        }
    }
}
