//! The session settings that decide how values look: DateStyle, TimeZone, bytea_output.

use super::{Error, Type};

/// What the codec must know about a session. The default is that of a fresh PostgreSQL session in UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The output style is ISO; input is read as ISO 8601 in any style.
    pub date_style_iso: bool,
    /// `TimeZone`; `None` if the server's name for it is unknown here (then timestamptz text is refused).
    pub time_zone: Option<jiff::tz::TimeZone>,
    /// `bytea_output = hex`. The server does not report it: it is asked with SHOW.
    pub bytea_hex: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { date_style_iso: true, time_zone: Some(jiff::tz::TimeZone::UTC), bytea_hex: true }
    }
}

impl Settings {
    /// Takes over a ParameterStatus or the answer to a SHOW; names that matter to no value are ignored.
    pub fn set(&mut self, name: &str, value: &str) {
        let _ = (name, value);
        todo!()
    }

    /// Whether values of `ty` can be rendered in text under these settings.
    ///
    /// # Errors
    /// 0A000 that names the setting and the value that would work.
    pub fn renders(&self, ty: &Type) -> Result<(), Error> {
        let _ = ty;
        todo!()
    }
}
