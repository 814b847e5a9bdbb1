//! A wrapped key as bytes, and the list of wraps that an item of the key store holds (KEY-1).

use crate::framing::{Malformed, Reader, put_u16_part, put_u32_part};
use crate::keys::material::KeyCommit;

/// The format version of wrapped keys and of the list.
const VERSION: u8 = 0x01;

/// Who wrapped it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Provider {
    /// A key given as such; its ARN is empty.
    Raw = 1,
    /// The embedded key service; the ARN is the key's name.
    Local = 2,
    /// AWS KMS.
    AwsKms = 3,
    /// An HSM.
    Pkcs11 = 4,
    /// Vault.
    Vault = 5,
}

impl Provider {
    fn from_byte(byte: u8) -> Result<Self, Malformed> {
        match byte {
            1 => Ok(Provider::Raw),
            2 => Ok(Provider::Local),
            3 => Ok(Provider::AwsKms),
            4 => Ok(Provider::Pkcs11),
            5 => Ok(Provider::Vault),
            _ => Err(Malformed("the key provider is unknown")),
        }
    }
}

/// One wrap: 0x01 ‖ provider ‖ u16 len ‖ ARN ‖ blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// Which kind of key service.
    pub provider: Provider,
    /// Which key of it.
    pub arn: String,
    /// What the key service made; its own format.
    pub blob: Vec<u8>,
}

impl Wrapped {
    /// Everything before the blob: part of the associated data of raw and local wraps.
    pub fn header(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.provider as u8];
        put_u16_part(&mut bytes, self.arn.as_bytes());
        bytes
    }

    /// The whole wrap.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.header();
        bytes.extend_from_slice(&self.blob);
        bytes
    }

    /// Reads one wrap.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(Malformed("the version of the wrapped key is unknown"));
        }
        let provider = Provider::from_byte(reader.u8()?)?;
        let len = reader.u16()?;
        let arn = std::str::from_utf8(reader.take(usize::from(len))?)
            .map_err(|_| Malformed("the name of the wrapping key is not UTF-8"))?;
        Ok(Self { provider, arn: arn.to_owned(), blob: reader.rest().to_vec() })
    }
}

/// The content of column `wrapped`: 0x01 ‖ key commitment (32) ‖ u16 count ‖ per wrap u32 len ‖ wrap.
pub fn write_list(commit: KeyCommit, wraps: &[Wrapped]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&commit.0);
    bytes.extend_from_slice(&(wraps.len() as u16).to_be_bytes());
    wraps.iter().for_each(|wrapped| put_u32_part(&mut bytes, &wrapped.to_bytes()));
    bytes
}

/// Reads what [`write_list`] wrote.
pub fn parse_list(bytes: &[u8]) -> Result<(KeyCommit, Vec<Wrapped>), Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.u8()? != VERSION {
        return Err(Malformed("the version of the list of wraps is unknown"));
    }
    let commit = KeyCommit(reader.array()?);
    let count = reader.u16()?;
    let mut wraps = Vec::new();
    for _ in 0..count {
        let len = usize::try_from(reader.u32()?).map_err(|_| Malformed("a wrap is too long"))?;
        wraps.push(Wrapped::parse(reader.take(len)?)?);
    }
    reader.finish()?;
    Ok((commit, wraps))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_round_trips_and_no_cut_of_it_is_read() {
        let wraps = vec![
            Wrapped { provider: Provider::Raw, arn: String::new(), blob: vec![1; 48] },
            Wrapped { provider: Provider::Local, arn: "customer-data".into(), blob: vec![2; 48] },
        ];
        let bytes = write_list(KeyCommit([9; 32]), &wraps);
        assert_eq!(parse_list(&bytes).unwrap(), (KeyCommit([9; 32]), wraps));
        for len in 0..bytes.len() {
            assert!(parse_list(&bytes[..len]).is_err());
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_list(&bytes);
            let _ = Wrapped::parse(&bytes);
        }
    }
}
