//! inet and cidr: addresses with the length of their network, read and shown as PostgreSQL's own functions do
//! (inet_net_pton.c, inet_cidr_ntop.c, inet_net_ntop.c).

use std::net::Ipv6Addr;

use super::codec::{Codec, Sent};
use super::{Error, Type, Value, digits, too_long, too_short};
use crate::error::SqlState;
use crate::framing::Reader;

pub(super) const INET: Codec = codec("inet_send");

pub(super) const CIDR: Codec = Codec { widest: Some(Type::Inet), ..codec("cidr_send") };

const fn codec(send: &'static str) -> Codec {
    Codec::new(
        |ty, text, _| parse(ty, text).map(Value::Inet),
        |ty, bytes| read(ty, bytes).map(Value::Inet),
        Sent::By(send),
    )
}

/// PGSQL_AF_INET and PGSQL_AF_INET6.
const FOUR: u8 = 2;
const SIX: u8 = 3;

/// An address and how many of its bits are the network's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Inet {
    address: Address,
    bits: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Address {
    Four([u8; 4]),
    Six([u8; 16]),
}

impl Inet {
    fn bytes(&self) -> &[u8] {
        match &self.address {
            Address::Four(bytes) => bytes,
            Address::Six(bytes) => bytes,
        }
    }

    /// 32 or 128.
    fn most_bits(&self) -> u8 {
        match self.address {
            Address::Four(_) => 32,
            Address::Six(_) => 128,
        }
    }

    /// The network: the same without the bits of the host.
    pub(super) fn network(mut self) -> Self {
        let bits = usize::from(self.bits);
        let bytes: &mut [u8] = match &mut self.address {
            Address::Four(bytes) => bytes,
            Address::Six(bytes) => bytes,
        };
        for (index, byte) in bytes.iter_mut().enumerate() {
            let kept = bits.saturating_sub(index * 8).min(8);
            // A shift by eight would be none.
            *byte &= u8::try_from(0xff00_u16 >> kept & 0xff).unwrap_or(0);
        }
        self
    }

    /// Whether it is one.
    pub(super) fn is_network(&self) -> bool {
        *self == self.network()
    }

    /// Appends S.
    pub(super) fn write(&self, ty: &Type, out: &mut Vec<u8>) {
        self.write_with(&[u8::from(*ty == Type::Cidr)], out);
    }

    /// Appends E: S without the byte that tells cidr from inet.
    pub(super) fn write_equality(&self, out: &mut Vec<u8>) {
        self.write_with(&[], out);
    }

    fn write_with(&self, is_cidr: &[u8], out: &mut Vec<u8>) {
        let (family, len) = match self.address {
            Address::Four(_) => (FOUR, 4),
            Address::Six(_) => (SIX, 16),
        };
        out.extend_from_slice(&[family, self.bits]);
        out.extend_from_slice(is_cidr);
        out.push(len);
        out.extend_from_slice(self.bytes());
    }

    /// What inet_out or cidr_out shows: the length where it says something, a cidr's always.
    pub(super) fn render(&self, ty: &Type, out: &mut Vec<u8>) {
        self.push_address(out);
        if *ty == Type::Cidr || self.bits != self.most_bits() {
            self.push_bits(out);
        }
    }

    /// What the cast to text shows: always with the length.
    pub(super) fn render_whole(&self, out: &mut Vec<u8>) {
        self.push_address(out);
        self.push_bits(out);
    }

    fn push_bits(&self, out: &mut Vec<u8>) {
        out.push(b'/');
        digits::push(self.bits.into(), out);
    }

    fn push_address(&self, out: &mut Vec<u8>) {
        match self.address {
            Address::Four(bytes) => push_four(&bytes, out),
            Address::Six(bytes) => push_six(&bytes, out),
        }
    }
}

fn push_four(bytes: &[u8], out: &mut Vec<u8>) {
    for (index, byte) in bytes.iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        digits::push((*byte).into(), out);
    }
}

/// The first of the longest runs of two zero words or more is `::`; an IPv4 address inside is shown as one.
fn push_six(bytes: &[u8; 16], out: &mut Vec<u8>) {
    let mut words = [0u16; 8];
    for (word, pair) in words.iter_mut().zip(bytes.chunks_exact(2)) {
        *word = pair.iter().fold(0, |word, byte| word << 8 | u16::from(*byte));
    }
    let run = |start: usize| words[start..].iter().take_while(|word| **word == 0).count();
    let (mut start, mut len) = (0, 0);
    for at in 0..8 {
        if run(at) > len && run(at) >= 2 {
            (start, len) = (at, run(at));
        }
    }
    let holds_four = start == 0 && (len == 6 || (len == 7 && words[7] != 1) || (len == 5 && words[5] == 0xffff));
    for (index, word) in words.iter().enumerate() {
        if len > 0 && (start..start + len).contains(&index) {
            if index == start {
                out.push(b':');
            }
            continue;
        }
        if index > 0 {
            out.push(b':');
        }
        if index == 6 && holds_four {
            return push_four(&bytes[12..], out);
        }
        out.extend_from_slice(format!("{word:x}").as_bytes());
    }
    if len > 0 && start + len == 8 {
        out.push(b':');
    }
}

fn parse(ty: &Type, text: &str) -> Result<Inet, Error> {
    let invalid = || Error::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid input syntax for type {ty}"));
    let cidr = *ty == Type::Cidr;
    let inet = match text.contains(':') {
        true => six(text)?,
        false if cidr && text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x")) => {
            return Err(refused("a protected cidr is read in decimal numbers only"));
        }
        false => four(text, cidr),
    };
    let inet = inet.ok_or_else(invalid)?;
    if cidr && !inet.is_network() {
        return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid cidr value"));
    }
    Ok(inet)
}

fn refused(message: &'static str) -> Error {
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}

/// One to four octets and a length, which four octets, and all of a cidr, may lack.
fn four(text: &str, cidr: bool) -> Option<Inet> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    // PostgreSQL reads over a point before the length or the end, but for a cidr.
    let address = if cidr { address } else { address.strip_suffix('.').unwrap_or(address) };
    let mut octets = [0; 4];
    let mut count = 0u8;
    for digits in address.split('.') {
        *octets.get_mut(usize::from(count))? = number(digits, 255)?;
        count += 1;
    }
    let bits = match length {
        Some(length) => number(length, 32)?,
        None if cidr => class(octets[0], count),
        None if count == 4 => 32,
        None => return None,
    };
    // Octets that the length speaks of must be there; a cidr is made longer.
    if !cidr && bits / 8 > count {
        return None;
    }
    Some(Inet { address: Address::Four(octets), bits })
}

/// Digits; leading zeros are fine.
fn number(digits: &str, most: u8) -> Option<u8> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let bits = if significant.is_empty() { 0 } else { significant.parse::<u8>().ok()? };
    (bits <= most).then_some(bits)
}

/// The length that a network without one has by its class, or by the octets that were written.
fn class(first: u8, count: u8) -> u8 {
    let bits = match first {
        240.. => 32,
        224.. => 8,
        192.. => 24,
        128.. => 16,
        _ => 8,
    };
    match bits.max(count.saturating_mul(8)) {
        8 if first == 224 => 4,
        bits => bits,
    }
}

fn six(text: &str) -> Result<Option<Inet>, Error> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let bits = match length {
        // No leading zeros here, other than in an IPv4 address.
        Some(length) if length.len() > 1 && length.starts_with('0') => None,
        Some(length) => number(length, 128),
        None => Some(128),
    };
    // PostgreSQL reads over a colon before the length.
    let colon = address.strip_suffix(':').filter(|rest| length.is_some() && !rest.ends_with(':'));
    match (colon.unwrap_or(address).parse::<Ipv6Addr>(), bits) {
        (Ok(address), Some(bits)) => Ok(Some(Inet { address: Address::Six(address.octets()), bits })),
        (Err(_), Some(_)) if address.contains('.') => {
            Err(refused("a protected address is read with all four octets of an IPv4 address in it only"))
        }
        _ => Ok(None),
    }
}

fn read(ty: &Type, bytes: &[u8]) -> Result<Inet, Error> {
    let wrong = |what: &str| {
        Error::new(SqlState::INVALID_BINARY_REPRESENTATION, format!("invalid {what} in external \"{ty}\" value"))
    };
    let mut reader = Reader::new(bytes);
    let mut next = || reader.u8().map_err(|_| too_short());
    let family = next()?;
    let most = match family {
        FOUR => 32,
        SIX => 128,
        _ => return Err(wrong("address family")),
    };
    let bits = next()?;
    if bits > most {
        return Err(wrong("bits"));
    }
    let _is_cidr = next()?;
    if next()? != most / 8 {
        return Err(wrong("length"));
    }
    let address = reader.take(usize::from(most / 8)).map_err(|_| too_short())?;
    reader.finish().map_err(|_| too_long())?;
    let address = match (<[u8; 4]>::try_from(address), <[u8; 16]>::try_from(address)) {
        (Ok(four), _) => Address::Four(four),
        (_, Ok(six)) => Address::Six(six),
        _ => return Err(wrong("length")),
    };
    let inet = Inet { address, bits };
    if *ty == Type::Cidr && !inet.is_network() {
        return Err(Error::new(SqlState::INVALID_BINARY_REPRESENTATION, "invalid external \"cidr\" value"));
    }
    Ok(inet)
}
