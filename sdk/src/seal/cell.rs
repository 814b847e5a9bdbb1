//! The content of one ENCRYPT_AND_SIGN column: header, nonce, ciphertext, tag (CELL-1, CELL-3).
//!
//! ```text
//! 0x01 ‖ key_ref (8) ‖ nonce (24) ‖ ciphertext ‖ tag (16)      plaintext = flags (1) ‖ S ‖ padding
//! ```

use super::aad::Place;
use crate::crypto::random::{self, NoRandomness};
use crate::crypto::xaes::{DerivedKey, NONCE_LEN, PREFIX_LEN, Rejected, TAG_LEN, XaesKey, split};
use crate::framing::{Malformed, Reader};
use crate::keys::KeyRef;

/// The randomized cell; 0x02 (deterministic) and 0x03 (key-committing) are not in this version.
pub const VERSION: u8 = 0x01;
/// How many bytes a cell without padding is longer than S: version, key reference, nonce, flags and tag.
pub const OVERHEAD: usize = 1 + 8 + NONCE_LEN + 1 + TAG_LEN;
/// Flag: the value is NULL and S is empty.
const NULL: u8 = 0x01;
/// Flag: ISO/IEC 7816-4 padding follows S.
const PADDED: u8 = 0x02;

/// The nonces of the cells that are sealed together, each of which is given out once. The first half is one random
/// value, which selects the derived key that they share; the second half is random for each cell, so that a module that
/// draws it itself can seal as well.
pub struct Nonces {
    prefix: [u8; PREFIX_LEN],
    tails: std::vec::IntoIter<[u8; NONCE_LEN - PREFIX_LEN]>,
}

impl Nonces {
    /// Draws those of so many cells in one call (RND-1); for one sealing and no other.
    pub fn draw(cells: usize) -> Result<Self, NoRandomness> {
        let mut drawn = vec![[0; PREFIX_LEN]; 1 + cells];
        random::fill(drawn.as_flattened_mut())?;
        Ok(Self::of(drawn))
    }

    /// The nonce of one cell, for frozen vectors only.
    #[cfg(test)]
    pub(super) fn fixed(nonce: [u8; NONCE_LEN]) -> Self {
        let (prefix, tail) = split(&nonce);
        Self::of(vec![prefix, tail])
    }

    /// The shared half, then that of each cell.
    fn of(drawn: Vec<[u8; PREFIX_LEN]>) -> Self {
        let mut drawn = drawn.into_iter();
        Self { prefix: drawn.next().unwrap_or_default(), tails: drawn }
    }

    /// The key that all of them share.
    pub fn derive(&self, key: &XaesKey) -> DerivedKey {
        key.derive(&self.prefix)
    }
}

impl Iterator for Nonces {
    type Item = [u8; NONCE_LEN];

    fn next(&mut self) -> Option<[u8; NONCE_LEN]> {
        let tail = self.tails.next()?;
        let mut nonce = [0; NONCE_LEN];
        nonce[..PREFIX_LEN].copy_from_slice(&self.prefix);
        nonce[PREFIX_LEN..].copy_from_slice(&tail);
        Some(nonce)
    }
}

/// What a cell holds.
pub enum Content<W> {
    /// NULL, for a column that hides it.
    Null,
    /// A value; the function appends S.
    Value(W),
}

/// Seals one cell. `derived` is the key of the nonce's first half. `pad` rounds the length of the plaintext, flags
/// included, up to a multiple of it.
///
/// # Errors
/// [`Rejected`] beyond AES-GCM's length limit of 64 GiB.
pub fn seal<W: FnOnce(&mut Vec<u8>)>(
    derived: &DerivedKey,
    nonce: &[u8; NONCE_LEN],
    place: &Place<'_>,
    content: Content<W>,
    pad: Option<u32>,
) -> Result<Vec<u8>, Rejected> {
    let mut cell = Vec::with_capacity(OVERHEAD + 64);
    seal_into(&mut cell, derived, nonce, place.key.key_ref(), &place.associated(VERSION), content, pad)?;
    Ok(cell)
}

/// As [`seal`], appended to `out`, with associated data that the caller has made.
pub(super) fn seal_into<W: FnOnce(&mut Vec<u8>)>(
    out: &mut Vec<u8>,
    derived: &DerivedKey,
    nonce: &[u8; NONCE_LEN],
    key_ref: KeyRef,
    associated: &[u8],
    content: Content<W>,
    pad: Option<u32>,
) -> Result<(), Rejected> {
    out.push(VERSION);
    out.extend_from_slice(&key_ref.0);
    out.extend_from_slice(nonce);
    let start = out.len();
    out.push(0);
    let mut flags = 0;
    match content {
        Content::Null => flags |= NULL,
        Content::Value(write) => write(out),
    }
    if let Some(pad) = pad.and_then(|pad| usize::try_from(pad).ok()).filter(|&pad| pad > 0) {
        flags |= PADDED;
        out.push(0x80);
        let len = out.len() - start;
        out.resize(start + len.next_multiple_of(pad), 0);
    }
    out[start] = flags;
    let tag = derived.seal(&split(nonce).1, associated, &mut out[start..])?;
    out.extend_from_slice(&tag);
    Ok(())
}

/// A cell taken apart, not yet believed.
pub struct Envelope<'a> {
    key_ref: KeyRef,
    nonce: [u8; NONCE_LEN],
    ciphertext: &'a [u8],
    tag: [u8; TAG_LEN],
}

impl<'a> Envelope<'a> {
    /// Takes it apart.
    pub fn parse(cell: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(cell);
        if reader.u8()? != VERSION {
            return Err(Malformed("its version is not known here"));
        }
        let key_ref = KeyRef(reader.array()?);
        let nonce = reader.array()?;
        let (ciphertext, tag) = reader.rest().split_last_chunk::<TAG_LEN>().ok_or(Malformed("it ends too early"))?;
        if ciphertext.is_empty() {
            return Err(Malformed("it ends too early"));
        }
        Ok(Self { key_ref, nonce, ciphertext, tag: *tag })
    }

    /// Which key version it names; a hint until the tag holds.
    pub fn key_ref(&self) -> KeyRef {
        self.key_ref
    }

    /// Which derived key it needs.
    pub fn prefix(&self) -> [u8; PREFIX_LEN] {
        split(&self.nonce).0
    }

    /// Decrypts into `scratch` if the tag holds in this place. Gives S, or `None` for NULL.
    ///
    /// # Errors
    /// [`OpenError`]; `scratch` then holds no plaintext.
    pub fn open<'s>(
        &self,
        derived: &DerivedKey,
        place: &Place<'_>,
        scratch: &'s mut Vec<u8>,
    ) -> Result<Option<&'s [u8]>, OpenError> {
        self.open_with(derived, &place.associated(VERSION), scratch)
    }

    /// As [`Envelope::open`], with associated data that the caller has made.
    pub(super) fn open_with<'s>(
        &self,
        derived: &DerivedKey,
        associated: &[u8],
        scratch: &'s mut Vec<u8>,
    ) -> Result<Option<&'s [u8]>, OpenError> {
        scratch.clear();
        scratch.extend_from_slice(self.ciphertext);
        derived.open(&split(&self.nonce).1, associated, scratch, &self.tag).map_err(|_| OpenError::Tag)?;
        let (&flags, rest) = scratch.split_first().ok_or(OpenError::Form("it is empty inside"))?;
        if flags & !(NULL | PADDED) != 0 {
            return Err(OpenError::Form("it has flags that are not known here"));
        }
        let stored = if flags & PADDED != 0 { unpad(rest)? } else { rest };
        match (flags & NULL != 0, stored) {
            (true, []) => Ok(None),
            (true, _) => Err(OpenError::Form("it is NULL and holds a value")),
            (false, stored) => Ok(Some(stored)),
        }
    }
}

/// Why a cell did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// The tag does not hold here.
    Tag,
    /// The tag holds, and what it covers is not a plaintext of this version.
    Form(&'static str),
}

/// Takes 0x80 00* off. It is authenticated by now: the time this takes tells nothing to who cannot open it.
fn unpad(padded: &[u8]) -> Result<&[u8], OpenError> {
    match padded.iter().rposition(|&byte| byte != 0) {
        Some(end) if padded[end] == 0x80 => Ok(&padded[..end]),
        _ => Err(OpenError::Form("its padding is wrong")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::secret::Secret;
    use crate::keys::{BranchKey, Uuid};
    use crate::value::Family;

    fn key(id: &str) -> BranchKey {
        BranchKey::new(id.into(), Uuid([1; 16]), 1, 0, Secret::new([7; 32]))
    }

    fn place<'a>(key: &'a BranchKey, table: &'a str, column: &'a str, context: &'a [u8]) -> Place<'a> {
        Place { key, table, column, family: Family(3), context }
    }

    fn sealed(place: &Place<'_>, stored: &[u8], pad: Option<u32>) -> Vec<u8> {
        let mut nonces = Nonces::draw(1).unwrap();
        let derived = nonces.derive(&place.key.table(place.table).cell);
        let write = |out: &mut Vec<u8>| out.extend_from_slice(stored);
        seal(&derived, &nonces.next().unwrap(), place, Content::Value(write), pad).unwrap()
    }

    fn opened(place: &Place<'_>, cell: &[u8]) -> Result<Option<Vec<u8>>, OpenError> {
        let envelope = Envelope::parse(cell).map_err(|error| OpenError::Form(error.0))?;
        let derived = place.key.table(place.table).cell.derive(&envelope.prefix());
        let mut scratch = Vec::new();
        envelope.open(&derived, place, &mut scratch).map(|stored| stored.map(<[u8]>::to_vec))
    }

    #[test]
    fn a_cell_is_fifty_bytes_longer_than_s_cell_1() {
        let key = key("cards");
        let place = place(&key, "card", "pan", b"context");
        assert_eq!(OVERHEAD, 50);
        assert_eq!(sealed(&place, b"123456789012345", None).len(), 15 + OVERHEAD);
        assert_eq!(opened(&place, &sealed(&place, b"", None)).unwrap().unwrap(), b"");
    }

    #[test]
    fn a_cell_opens_only_in_its_place_cell_6() {
        let (cards, other) = (key("cards"), key("other"));
        let here = place(&cards, "card", "pan", b"row 1");
        let cell = sealed(&here, b"value", None);
        assert_eq!(opened(&here, &cell).unwrap().unwrap(), b"value");
        let elsewhere = [
            place(&other, "card", "pan", b"row 1"),
            place(&cards, "cards", "pan", b"row 1"),
            place(&cards, "card", "iban", b"row 1"),
            place(&cards, "card", "pan", b"row 2"),
            Place { family: Family(9), ..here },
        ];
        for place in &elsewhere {
            assert_eq!(opened(place, &cell).unwrap_err(), OpenError::Tag);
        }
        let newer = BranchKey::new("cards".into(), Uuid([2; 16]), 2, 0, Secret::new([7; 32]));
        assert_eq!(opened(&Place { key: &newer, ..here }, &cell).unwrap_err(), OpenError::Tag);
    }

    #[test]
    fn every_flipped_bit_every_cut_and_every_byte_more_is_refused() {
        let key = key("cards");
        let place = place(&key, "card", "pan", b"row");
        for pad in [None, Some(32)] {
            let cell = sealed(&place, b"value", pad);
            for bit in 0..cell.len() * 8 {
                let mut forged = cell.clone();
                forged[bit / 8] ^= 1 << (bit % 8);
                // The key reference is looked up by the caller; here it only has to break the tag, which covers ours.
                if (8..72).contains(&bit) {
                    continue;
                }
                assert!(opened(&place, &forged).is_err(), "bit {bit}");
            }
            for len in 0..cell.len() {
                assert!(opened(&place, &cell[..len]).is_err(), "length {len}");
            }
            assert!(opened(&place, &[&cell[..], &[0]].concat()).is_err());
        }
    }

    #[test]
    fn padding_rounds_the_plaintext_up_cell_3() {
        let key = key("cards");
        let place = place(&key, "card", "pan", b"row");
        for (len, plaintext) in [(0, 32), (29, 32), (30, 32), (31, 64), (62, 64), (63, 96)] {
            let stored = vec![0x80; len];
            let cell = sealed(&place, &stored, Some(32));
            assert_eq!(cell.len(), OVERHEAD - 1 + plaintext, "{len}");
            assert_eq!(opened(&place, &cell).unwrap().unwrap(), stored);
        }
    }

    #[test]
    fn null_is_sealed_as_a_flag_and_looks_like_any_value_cell_3() {
        let key = key("cards");
        let place = place(&key, "card", "pan", b"row");
        let mut nonces = Nonces::draw(1).unwrap();
        let derived = nonces.derive(&key.table("card").cell);
        let null = Content::<fn(&mut Vec<u8>)>::Null;
        let cell = seal(&derived, &nonces.next().unwrap(), &place, null, Some(32)).unwrap();
        assert_eq!(cell.len(), sealed(&place, b"value", Some(32)).len());
        assert_eq!(opened(&place, &cell).unwrap(), None);
    }

    #[test]
    fn a_plaintext_of_no_known_form_is_refused_cell_3() {
        let key = key("cards");
        let place = place(&key, "card", "pan", b"row");
        for plaintext in [&[0x04][..], &[0x80, 1], &[NULL, 1], &[PADDED], &[PADDED, 0], &[PADDED, 1], &[0xff, 0x80]] {
            let mut nonces = Nonces::draw(1).unwrap();
            let nonce = nonces.next().unwrap();
            let derived = nonces.derive(&key.table("card").cell);
            let mut body = plaintext.to_vec();
            let tag = derived.seal(&split(&nonce).1, &place.associated(VERSION), &mut body).unwrap();
            let cell = [&[VERSION][..], &key.key_ref().0, &nonce, &body, &tag].concat();
            assert!(matches!(opened(&place, &cell), Err(OpenError::Form(_))), "{plaintext:x?}");
        }
    }

    #[test]
    fn nonces_of_one_sealing_share_the_first_half_and_draw_the_second_in_one_call_cell_1_rnd_1() {
        let before = random::calls();
        let nonces: Vec<_> = Nonces::draw(1600).unwrap().collect();
        assert_eq!(random::calls() - before, 1);
        assert_eq!(nonces.len(), 1600, "each is given out once");
        assert!(nonces.iter().all(|nonce| nonce[..PREFIX_LEN] == nonces[0][..PREFIX_LEN]));
        // Two of them agree in four bytes of the second half, wherever these are, about once in 3,000 runs.
        for window in 0..=8 {
            let tails: std::collections::BTreeSet<_> =
                nonces.iter().map(|nonce| &nonce[PREFIX_LEN + window..PREFIX_LEN + window + 4]).collect();
            assert!(tails.len() >= 1590, "bytes {window} to {}", window + 3);
        }
        let others: Vec<_> = Nonces::draw(2).unwrap().collect();
        assert_ne!(others[0][..PREFIX_LEN], nonces[0][..PREFIX_LEN]);
        assert!(Nonces::draw(0).unwrap().next().is_none());
    }

    proptest! {
        #[test]
        fn any_value_round_trips(stored in proptest::collection::vec(any::<u8>(), 0..300), pad in 0u32..100) {
            let key = key("cards");
            let place = place(&key, "card", "pan", b"row");
            let cell = sealed(&place, &stored, Some(pad));
            prop_assert_eq!(opened(&place, &cell).unwrap().unwrap(), stored);
        }

        #[test]
        fn random_envelopes_never_panic_and_never_open(mut cell in proptest::collection::vec(any::<u8>(), 0..200)) {
            let key = key("cards");
            let place = place(&key, "card", "pan", b"row");
            prop_assert!(opened(&place, &cell).is_err());
            if let Some(version) = cell.first_mut() {
                *version = VERSION;
            }
            prop_assert!(opened(&place, &cell).is_err());
        }
    }
}
