//! Many records at once.

use std::fmt;

use serde::de::DeserializeOwned;

use super::{Error, Kind, SealedRecord, Sealer};

/// Which of many records were not opened, each with its reason. At least one.
#[derive(Debug, Clone, PartialEq)]
pub struct NotOpened {
    total: usize,
    first: (usize, Error),
    others: Vec<(usize, Error)>,
}

impl NotOpened {
    /// The position of each from 0, in ascending order, and why.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &Error)> {
        std::iter::once(&self.first).chain(&self.others).map(|(index, error)| (*index, error))
    }

    /// What a caller can do about it: [`Kind::Tampered`] if that is so of one of them, else what is so of the first.
    pub fn kind(&self) -> Kind {
        let tampered = self.failures().any(|(_, error)| error.kind() == Kind::Tampered);
        if tampered { Kind::Tampered } else { self.first.1.kind() }
    }
}

impl fmt::Display for NotOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, error) = &self.first;
        let failed = self.others.len() + 1;
        write!(f, "{failed} of {} records were not opened, the first at position {index}: {error}", self.total)
    }
}

impl std::error::Error for NotOpened {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.first.1)
    }
}

impl Sealer {
    /// Verifies and opens many records, in their order: all of them or none. No I/O.
    ///
    /// A caller that goes on with `?` never works on a batch with holes. One that wants what is left finds in the error
    /// every position that failed, and opens the others.
    ///
    /// # Errors
    /// Every record that [`Sealer::open`] has an error for.
    ///
    /// ```
    #[doc = include_str!("doctest.txt")]
    /// # use pgseal::sealer::{Kind, SealedRecord};
    /// # block_on(async {
    /// # let sealer = sealer().await?;
    /// let patients: Vec<Patient> = (1..=3).map(|id| Patient { id, diagnosis: "J45.1".into() }).collect();
    /// let mut sealed = patients.iter().map(|patient| sealer.seal("patient", patient)).collect::<Result<Vec<_>, _>>()?;
    /// assert!(sealer.open_many::<Patient>(&sealed)? == patients);
    ///
    /// // The second one is made a copy of the third in part.
    /// let third = sealed[2].clone();
    /// sealed[1].set_bytes("diagnosis", third.bytes("diagnosis"));
    /// let error = sealer.open_many::<Patient>(&sealed).err().unwrap();
    /// assert_eq!(error.kind(), Kind::Tampered);
    /// assert_eq!(error.failures().map(|(index, _)| index).collect::<Vec<_>>(), [1]);
    /// # Ok(())
    /// # })
    /// ```
    pub fn open_many<'r, T: DeserializeOwned>(
        &self,
        records: impl IntoIterator<Item = &'r SealedRecord>,
    ) -> Result<Vec<T>, NotOpened> {
        let records = records.into_iter();
        let mut opened = Vec::with_capacity(records.size_hint().0);
        let mut failures = Vec::new();
        let mut total = 0;
        for (index, record) in records.enumerate() {
            total = index + 1;
            match self.open(record) {
                // What was opened is of no use any more once one has failed.
                Ok(record) if failures.is_empty() => opened.push(record),
                Ok(_) => {}
                Err(error) => failures.push((index, error)),
            }
        }
        let mut failures = failures.into_iter();
        match failures.next() {
            None => Ok(opened),
            Some(first) => Err(NotOpened { total, first, others: failures.collect() }),
        }
    }
}
