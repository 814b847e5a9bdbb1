//! uuid: every input spelling that PostgreSQL takes, one output.

use super::bytea::digit;
use super::codec::{Codec, Sent};
use super::{Error, Value, exactly};
use crate::error::SqlState;

pub(super) const CODEC: Codec = Codec::new(
    |_, text, _| parse(text).map(Value::Uuid),
    |_, bytes| exactly(bytes).map(Value::Uuid),
    Sent::By("uuid_send"),
);

/// 32 hex digits, a hyphen allowed after every fourth, braces around allowed.
pub(super) fn parse(text: &str) -> Result<[u8; 16], Error> {
    read(text.as_bytes())
        .ok_or_else(|| Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type uuid"))
}

fn read(text: &[u8]) -> Option<[u8; 16]> {
    let mut rest = match text {
        [b'{', inner @ .., b'}'] => inner,
        [b'{', ..] | [.., b'}'] => return None,
        _ => text,
    };
    let mut uuid = [0; 16];
    for (i, byte) in uuid.iter_mut().enumerate() {
        let [high, low, tail @ ..] = rest else { return None };
        *byte = u8::try_from(char::from(*high).to_digit(16)? << 4 | char::from(*low).to_digit(16)?).ok()?;
        rest = match tail {
            [b'-', tail @ ..] if i % 2 == 1 && i < 15 => tail,
            _ => tail,
        };
    }
    rest.is_empty().then_some(uuid)
}

/// 8-4-4-4-12 lower-case hex digits.
pub(super) fn render(uuid: &[u8; 16], out: &mut Vec<u8>) {
    for (i, byte) in uuid.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_gives_the_same_value() {
        for text in [
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
        ] {
            let mut out = Vec::new();
            render(&parse(text).unwrap(), &mut out);
            assert_eq!(out, b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
        }
    }

    #[test]
    fn anything_else_is_22p02() {
        for text in [
            "",
            "not-a-uuid",
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
            "{a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0eebc99--9c0b4ef8bb6d6bb9bd380a11",
            "a0e-ebc999c0b4ef8bb6d6bb9bd380a11",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11-",
        ] {
            assert_eq!(parse(text).unwrap_err().sqlstate, SqlState::INVALID_TEXT_REPRESENTATION, "{text}");
        }
    }
}
