//! What a connection string says of TLS. libpq's words with one default of our own: a host that is not this machine is
//! verified in full unless something else is said.

use std::net::IpAddr;
use std::path::PathBuf;

use super::conninfo::Env;
use super::{Error, Host};
use crate::tls::Version;
use crate::tls::server::{Leg, Mode, Roots, Settings};

/// Reads the settings, and the files that they name.
pub(super) fn read<'a>(get: &impl Fn(&str) -> Option<&'a str>, env: Env<'_>, hosts: &[Host]) -> Result<Leg, Error> {
    let direct = match get("sslnegotiation") {
        None | Some("postgres") => false,
        Some("direct") => true,
        Some(_) => return Err(Error::Value("sslnegotiation")),
    };
    let system = get("sslrootcert") == Some("system");
    let mode = match get("sslmode") {
        Some(word) => Mode::parse(word).ok_or(Error::Value("sslmode"))?,
        None if system => Mode::VerifyFull,
        None if !hosts.iter().all(is_local) => Mode::VerifyFull,
        None if direct => Mode::Require,
        None => Mode::Prefer,
    };
    if system && mode != Mode::VerifyFull {
        return Err(weak(mode, "sslrootcert=system", "verify-full"));
    }
    if direct && !mode.demands() {
        return Err(weak(mode, "sslnegotiation=direct", "require"));
    }
    if mode.demands() && hosts.iter().any(is_unix) && !hosts.iter().all(is_unix) {
        return Err(Error::Later(format!("a list of unix sockets and TCP hosts with sslmode={}", mode.word())));
    }
    if mode == Mode::VerifyFull && get("host").is_some() && get("hostaddr").is_some() {
        return Err(Error::Later("hostaddr beside host with sslmode=verify-full".into()));
    }
    let version = |key: &'static str, read: fn(&str) -> Option<Version>, default| match get(key) {
        None => Ok(default),
        Some(word) => read(word).ok_or(Error::Value(key)),
    };
    let least = version("ssl_min_protocol_version", Version::minimum, Version::V12)?;
    let most = version("ssl_max_protocol_version", Version::maximum, Version::V13)?;
    if least > most {
        return Err(Error::Tls("ssl_min_protocol_version is above ssl_max_protocol_version".into()));
    }
    let settings = Settings {
        mode,
        roots: roots(get("sslrootcert"), mode, env)?,
        identity: identity(get, env)?,
        direct,
        sni: get("sslsni").is_none_or(|value| value.trim() != "0"),
        least,
        most,
    };
    Leg::new(settings, !hosts.iter().all(is_unix)).map_err(Error::Tls)
}

fn weak(mode: Mode, beside: &str, least: &str) -> Error {
    let word = mode.word();
    Error::Tls(format!("weak sslmode \"{word}\" may not be used with {beside} (use \"{least}\")"))
}

/// Of whom a server's certificate must be. As in libpq a file of authorities, once there is one, is gone by for `require`
/// too.
fn roots(said: Option<&str>, mode: Mode, env: Env<'_>) -> Result<Option<Roots>, Error> {
    match said {
        Some("system") => return Ok(Some(Roots::System)),
        Some(path) => return Ok(Some(Roots::File(path.into()))),
        None => {}
    }
    let usual = in_home(env, "root.crt").filter(|path| path.exists());
    match (mode, usual) {
        (Mode::Disable | Mode::Allow | Mode::Prefer, _) | (Mode::Require, None) => Ok(None),
        (Mode::Require | Mode::VerifyCa | Mode::VerifyFull, Some(path)) => Ok(Some(Roots::File(path))),
        (Mode::VerifyFull, None) => Ok(Some(Roots::System)),
        // Any certificate that any public authority has signed for anybody would do.
        (Mode::VerifyCa, None) => {
            Err(Error::Tls("sslmode=verify-ca needs sslrootcert=FILE: the authority that signs your servers".into()))
        }
    }
}

/// Certificate and key of the proxy towards the server. Those in the usual place are used if both are there.
fn identity<'a>(get: &impl Fn(&str) -> Option<&'a str>, env: Env<'_>) -> Result<Option<(PathBuf, PathBuf)>, Error> {
    match get("sslcertmode") {
        None | Some("allow") => {}
        Some("disable") => return Ok(None),
        Some("require") => return Err(Error::Later("sslcertmode=require".into())),
        Some(_) => return Err(Error::Value("sslcertmode")),
    }
    let usual = |name: &str| in_home(env, name).filter(|path| path.exists());
    match (get("sslcert"), get("sslkey")) {
        (Some(certificate), Some(key)) => Ok(Some((certificate.into(), key.into()))),
        (Some(certificate), None) => match usual("postgresql.key") {
            Some(key) => Ok(Some((certificate.into(), key))),
            None => Err(Error::Tls("sslcert needs sslkey=FILE".into())),
        },
        (None, Some(key)) => match usual("postgresql.crt") {
            Some(certificate) => Ok(Some((certificate, key.into()))),
            None => Err(Error::Tls("sslkey needs sslcert=FILE".into())),
        },
        (None, None) => Ok(usual("postgresql.crt").zip(usual("postgresql.key"))),
    }
}

fn in_home(env: Env<'_>, name: &str) -> Option<PathBuf> {
    env("HOME").filter(|home| !home.is_empty()).map(|home| PathBuf::from(home).join(".postgresql").join(name))
}

fn is_unix(host: &Host) -> bool {
    matches!(host, Host::Unix { .. })
}

/// Whether nobody else's wire lies between.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Unix { .. } => true,
        Host::Tcp { name, .. } => name.parse().map_or(name == "localhost", |address: IpAddr| address.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::Upstream;

    fn leg(text: &str) -> Result<Mode, Error> {
        let upstream = super::super::conninfo::parse(text, &|name| (name == "USER").then(|| "me".to_owned()));
        upstream.map(|upstream: Upstream| upstream.tls.mode())
    }

    #[test]
    fn what_is_not_said_is_verify_full_beyond_this_machine_and_prefer_on_it() {
        assert_eq!(leg("host=127.0.0.1"), Ok(Mode::Prefer));
        assert_eq!(leg("host=::1"), Ok(Mode::Prefer));
        assert_eq!(leg("host=localhost,127.0.0.2"), Ok(Mode::Prefer));
        assert_eq!(leg("host=/tmp"), Ok(Mode::Disable));
        assert_eq!(leg("host=localhost sslnegotiation=direct"), Ok(Mode::Require));
        assert_eq!(leg("host=/tmp sslmode=verify-full"), Ok(Mode::Disable), "no TLS over unix sockets, as in libpq");
        // The system may have no authorities: then it is an error, and never less.
        for text in ["host=db", "host=db,localhost", "host=10.0.0.1", "host=localhost.evil.example"] {
            assert!(!matches!(leg(text), Ok(mode) if mode != Mode::VerifyFull), "{text}");
        }
    }

    #[test]
    fn every_mode_is_known_and_weak_ones_do_not_go_with_strong_settings() {
        for word in ["disable", "allow", "prefer", "require"] {
            assert_eq!(leg(&format!("host=db sslmode={word}")).map(Mode::word), Ok(word));
        }
        assert_eq!(leg("host=db sslmode=maybe"), Err(Error::Value("sslmode")));
        for text in [
            "host=db sslmode=prefer sslnegotiation=direct",
            "host=db sslmode=verify-ca",
            "host=db sslmode=require sslrootcert=system",
            "host=db sslmode=require sslcert=/x",
            "host=db sslmode=require ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2",
            "host=db sslmode=verify-full sslrootcert=/nowhere/at/all",
        ] {
            assert!(matches!(leg(text), Err(Error::Tls(_))), "{text}");
        }
        assert!(matches!(leg("host=db hostaddr=10.0.0.1 sslmode=verify-full"), Err(Error::Later(_))));
        assert!(matches!(leg("host=/tmp,db sslmode=require"), Err(Error::Later(_))));
    }
}
