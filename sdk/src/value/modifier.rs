//! Type modifiers: how the schema file writes them, `pg_attribute.atttypmod`, and how `format_type` prints them.

use std::num::NonZeroU32;

/// The modifier of a type that has one.
pub(super) trait Modifier: Copy {
    /// From the numbers in the parentheses.
    fn of_numbers(numbers: &[i32]) -> Option<Self>;
    /// From `atttypmod`, which is not negative.
    fn of_typmod(typmod: i32) -> Option<Self>;
    /// `atttypmod`
    fn typmod(self) -> i32;
    /// With its parentheses.
    fn shown(self) -> String;
}

/// Precision and scale of `numeric(p, s)`: 1 ≤ p ≤ 1000, -1000 ≤ s ≤ 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NumericModifier {
    /// Total number of decimal digits.
    pub precision: u16,
    /// Digits after the point; negative rounds before it.
    pub scale: i16,
}

impl Modifier for NumericModifier {
    fn of_numbers(numbers: &[i32]) -> Option<Self> {
        let (precision, scale) = match *numbers {
            [precision] => (precision, 0),
            [precision, scale] => (precision, scale),
            _ => return None,
        };
        if !(1..=1000).contains(&precision) || !(-1000..=1000).contains(&scale) {
            return None;
        }
        Some(Self { precision: u16::try_from(precision).ok()?, scale: i16::try_from(scale).ok()? })
    }

    fn of_typmod(typmod: i32) -> Option<Self> {
        let packed = typmod.checked_sub(4)?;
        // The scale is an 11-bit two's complement number since PostgreSQL 15; before, it was never negative.
        Self::of_numbers(&[(packed >> 16) & 0xffff, ((packed & 0x7ff) ^ 1024) - 1024])
    }

    fn typmod(self) -> i32 {
        ((i32::from(self.precision) << 16) | (i32::from(self.scale) & 0x7ff)) + 4
    }

    fn shown(self) -> String {
        format!("({},{})", self.precision, self.scale)
    }
}

/// A length in characters. 10,485,760 is PostgreSQL's MaxAttrSize.
impl Modifier for u32 {
    fn of_numbers(numbers: &[i32]) -> Option<Self> {
        match *numbers {
            [n @ 1..=10_485_760] => u32::try_from(n).ok(),
            _ => None,
        }
    }

    fn of_typmod(typmod: i32) -> Option<Self> {
        Self::of_numbers(&[typmod.checked_sub(4)?])
    }

    fn typmod(self) -> i32 {
        i32::try_from(self).map_or(-1, |n| n.saturating_add(4))
    }

    fn shown(self) -> String {
        format!("({self})")
    }
}

/// A length in bits.
impl Modifier for NonZeroU32 {
    fn of_numbers(numbers: &[i32]) -> Option<Self> {
        match *numbers {
            [n @ 1..=83_886_080] => u32::try_from(n).ok().and_then(Self::new),
            _ => None,
        }
    }

    fn of_typmod(typmod: i32) -> Option<Self> {
        Self::of_numbers(&[typmod])
    }

    fn typmod(self) -> i32 {
        i32::try_from(self.get()).unwrap_or(-1)
    }

    fn shown(self) -> String {
        format!("({self})")
    }
}

/// Fractional digits of a second.
impl Modifier for u8 {
    fn of_numbers(numbers: &[i32]) -> Option<Self> {
        match *numbers {
            [p @ 0..=6] => u8::try_from(p).ok(),
            _ => None,
        }
    }

    fn of_typmod(typmod: i32) -> Option<Self> {
        Self::of_numbers(&[typmod])
    }

    fn typmod(self) -> i32 {
        i32::from(self)
    }

    fn shown(self) -> String {
        format!("({self})")
    }
}
