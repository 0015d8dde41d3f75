//! Record ids: one spelling of 18 characters, and the object that an id's prefix names [doc: research §2.1].

use syncline_model::{ObjectName, RecordId};

/// Prefixes of standard objects that references may point to.
const PREFIXES: [(&str, &str); 10] = [
    ("001", "Account"),
    ("003", "Contact"),
    ("005", "User"),
    ("006", "Opportunity"),
    ("00D", "Organization"),
    ("00G", "Group"),
    ("00K", "OpportunityContactRole"),
    ("00Q", "Lead"),
    ("012", "RecordType"),
    ("701", "Campaign"),
];

/// The object that an id belongs to, for standard objects.
pub(super) fn object_of(id: &str) -> Option<ObjectName> {
    let prefix = id.get(..3)?;
    PREFIXES.iter().find(|(known, _)| *known == prefix).map(|(_, object)| ObjectName::from(*object))
}

/// The 18-character spelling of an id; anything that is not 15 characters long is left as it is.
pub(super) fn canonical(id: &str) -> RecordId {
    const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    if id.len() != 15 || !id.is_ascii() {
        return RecordId::from(id);
    }
    let mut long = id.to_owned();
    for block in id.as_bytes().chunks(5) {
        let bits = block.iter().enumerate().fold(0_usize, |bits, (position, byte)| {
            bits | (usize::from(byte.is_ascii_uppercase()) << position)
        });
        long.push(char::from(SUFFIX[bits & 31]));
    }
    RecordId::from(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_get_the_suffix_that_real_ids_have() {
        for (short, suffix) in
            [("0031i000013x2TE", "AAY"), ("017bW00000HKErB", "QAX"), ("00190000001pPvH", "AAU")]
        {
            assert_eq!(canonical(short).as_str(), format!("{short}{suffix}"));
            assert_eq!(canonical(&format!("{short}{suffix}")).as_str(), format!("{short}{suffix}"));
        }
    }

    #[test]
    fn prefixes_are_compared_with_case() {
        assert_eq!(object_of("00K000000000001AAA"), Some("OpportunityContactRole".into()));
        assert_eq!(object_of("00k000000000001AAA"), None, "00k is a line item");
        assert_eq!(object_of("é"), None);
    }
}
