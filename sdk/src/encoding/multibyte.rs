//! Where the characters of the multi-byte encodings end (`pg_wchar_table`, wchar.c). In those of clients only, such as
//! SJIS, a byte of a character may look like ASCII: a backslash, a quote never, a letter often.

use std::borrow::Cow;

/// How the length of a character shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MultiByte {
    /// EUC and MULE_INTERNAL: no byte of a character looks like ASCII.
    High,
    /// SJIS: two bytes, but for half-width katakana.
    Sjis,
    /// BIG5, GBK, UHC: two bytes.
    Pair,
    /// GB18030: four bytes if the second is a digit, else two.
    Gb18030,
    /// JOHAB, whose bytes PostgreSQL reads as those of EUC.
    Johab,
}

impl MultiByte {
    pub(super) fn outline(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        if let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii()) {
            return Some(Cow::Borrowed(text));
        }
        let mut text = String::with_capacity(bytes.len() * 4);
        let mut rest = bytes;
        while let Some((&first, more)) = rest.split_first() {
            if first.is_ascii() {
                text.push(char::from(first));
                rest = more;
                continue;
            }
            let (char, after) = rest.split_at_checked(self.length(first, more.first().copied())).unwrap_or((rest, &[]));
            if self == MultiByte::Johab && char.iter().any(u8::is_ascii) {
                return None;
            }
            text.extend(char.iter().map(|byte| unseen(*byte)));
            rest = after;
        }
        Some(Cow::Owned(text))
    }

    /// Bytes of the character that begins with these two.
    fn length(self, first: u8, second: Option<u8>) -> usize {
        match (self, first, second) {
            (MultiByte::High, _, _) | (MultiByte::Sjis, 0xa1..=0xdf, _) => 1,
            (MultiByte::Gb18030, _, Some(b'0'..=b'9')) => 4,
            (MultiByte::Johab, 0x8f, _) => 3,
            (MultiByte::Sjis | MultiByte::Pair | MultiByte::Gb18030 | MultiByte::Johab, _, _) => 2,
        }
    }
}

/// A character that stands for a byte: of those that are not seen, belong to identifiers, and have no meaning.
fn unseen(byte: u8) -> char {
    char::from_u32(UNSEEN + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// U+E0E00 and the 255 behind it are default ignorable, and no characters (`Default_Ignorable_Code_Point` of Unicode 16).
const UNSEEN: u32 = 0xe_0e00;

/// Whether a text is an outline of one whose characters were not read.
pub fn is_outline(text: &str) -> bool {
    // All of them begin with this byte in UTF-8, and no letter does.
    text.as_bytes().contains(&0xf3) && text.chars().any(|char| (UNSEEN..UNSEEN + 0x100).contains(&u32::from(char)))
}
