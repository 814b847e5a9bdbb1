//! The session settings that decide how values look: DateStyle, TimeZone, IntervalStyle, bytea_output,
//! extra_float_digits, client_encoding.

use jiff::tz::TimeZone;

use super::codec::ShownBy;
use super::{Error, IntervalStyle, Type};
use crate::encoding::ClientEncoding;
use crate::error::SqlState;

/// What the codec must know about a session. The default is that of a fresh PostgreSQL session in UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The output style is ISO; input is read as ISO 8601 in any style.
    pub date_style_iso: bool,
    /// `TimeZone`; `None` if the server's name for it is unknown here (then timestamptz text is refused).
    pub time_zone: Option<TimeZone>,
    /// `IntervalStyle`
    pub interval_style: IntervalStyle,
    /// `bytea_output = hex`. The server does not report it: it is asked with SHOW.
    pub bytea_hex: bool,
    /// `extra_float_digits`: above 0 floats are shown in the shortest text that reads back. It is not reported either.
    pub extra_float_digits: i8,
    /// `client_encoding`, in which texts are rendered.
    pub encoding: ClientEncoding,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            date_style_iso: true,
            time_zone: Some(TimeZone::UTC),
            interval_style: IntervalStyle::Postgres,
            bytea_hex: true,
            extra_float_digits: 1,
            encoding: ClientEncoding::UTF8,
        }
    }
}

impl Settings {
    /// Takes over a ParameterStatus or the answer to a SHOW; names that matter to no value are ignored.
    pub fn set(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("DateStyle") {
            self.date_style_iso = value.split(',').next().is_some_and(|style| style.trim().eq_ignore_ascii_case("ISO"));
        } else if name.eq_ignore_ascii_case("TimeZone") {
            self.time_zone = time_zone(value);
        } else if name.eq_ignore_ascii_case("IntervalStyle") {
            // There are no others.
            self.interval_style = IntervalStyle::reported(value).unwrap_or_default();
        } else if name.eq_ignore_ascii_case("bytea_output") {
            self.bytea_hex = value.eq_ignore_ascii_case("hex");
        } else if name.eq_ignore_ascii_case("extra_float_digits") {
            self.extra_float_digits = value.parse().unwrap_or(1);
        } else if name.eq_ignore_ascii_case("client_encoding") {
            self.encoding = ClientEncoding::reported(value);
        }
    }

    /// Whether values of `ty` can be rendered in text under these settings.
    ///
    /// # Errors
    /// 0A000 that names the setting and the value that would work.
    pub fn renders(&self, ty: &Type) -> Result<(), Error> {
        let refuse = |text| Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, text));
        match ty.facts().codec.shown_by {
            ShownBy::DateStyle | ShownBy::TimeZone if !self.date_style_iso => {
                refuse("protected dates are shown in DateStyle ISO only: SET DateStyle = ISO")
            }
            ShownBy::TimeZone if self.time_zone.is_none() => {
                refuse("this TimeZone is not known to pgseal: SET TimeZone to a name of the IANA database")
            }
            ShownBy::ByteaOutput if !self.bytea_hex => {
                refuse("protected bytea is shown in bytea_output hex only: SET bytea_output = hex")
            }
            ShownBy::Nothing
            | ShownBy::DateStyle
            | ShownBy::TimeZone
            | ShownBy::ByteaOutput
            | ShownBy::ExtraFloatDigits
            | ShownBy::IntervalStyle => Ok(()),
        }
    }
}

/// A zone by its name in the IANA database, or a POSIX rule such as `<+02>-02`, which is how PostgreSQL reports a
/// numeric offset.
fn time_zone(name: &str) -> Option<TimeZone> {
    if ["UTC", "GMT", "Etc/UTC", "Zulu", "UCT"].iter().any(|utc| utc.eq_ignore_ascii_case(name)) {
        return Some(TimeZone::UTC);
    }
    // A POSIX rule that begins with its offset, or with an abbreviation such as <-03:30>, is PostgreSQL's own: jiff
    // wants one of letters and digits. None is ever shown, so any will do. (+03 is three hours west of Greenwich.)
    let offset = match name.strip_prefix('<').and_then(|rest| rest.split_once('>')) {
        Some((_, offset)) => offset,
        None => name,
    };
    if offset.starts_with(['+', '-']) || offset.len() < name.len() {
        return TimeZone::posix(&format!("<zone>{offset}")).ok();
    }
    TimeZone::get(name).or_else(|_| TimeZone::posix(name)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_reports_is_understood() {
        let mut settings = Settings::default();
        settings.set("TimeZone", "<+02>-02");
        assert!(settings.time_zone.is_some());
        settings.set("TimeZone", "Europe/Berlin");
        assert!(settings.time_zone.is_some());
        for (name, offset) in
            [("-03:30", 12_600), ("<-03:30>+03:30", -12_600), ("<+02>-02", 7_200), ("GMT-02:00", 7_200)]
        {
            settings.set("TimeZone", name);
            let rule = settings.time_zone.as_ref().unwrap();
            assert_eq!(rule.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds(), offset, "{name}");
        }
        settings.set("TimeZone", "Nowhere/Land");
        assert_eq!(settings.renders(&Type::Timestamptz(None)).unwrap_err().sqlstate, SqlState::FEATURE_NOT_SUPPORTED);
        assert!(settings.renders(&Type::Timestamp(None)).is_ok());
        settings.set("DateStyle", "German, DMY");
        assert!(settings.renders(&Type::Date).is_err());
        settings.set("DateStyle", "ISO, DMY");
        assert!(settings.renders(&Type::Date).is_ok());
    }
}
