//! libpq's connection strings (PostgreSQL 18 manual, 32.1.1 and 32.1.2): URLs, keywords, environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::{Error, Host, Keepalive, Password, Upstream, passfile, security};

/// How environment variables are looked up.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Keywords that are read here.
const KNOWN: &[&str] = &[
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssencmode",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "options",
    "passfile",
    "password",
    "port",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Keywords about what is never done here: GSS encryption, and compression, which libpq does not do either any more.
const WITHOUT_EFFECT: &[&str] = &["gssdelegation", "gsslib", "krbsrvname", "sslcompression"];

/// Keywords of libpq that this version refuses.
const LATER: &[&str] = &[
    "max_protocol_version",
    "min_protocol_version",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_issuer",
    "oauth_scope",
    "replication",
    "require_auth",
    "requirepeer",
    "scram_client_key",
    "scram_server_key",
    "service",
    "servicefile",
    "sslcrl",
    "sslcrldir",
    "sslkeylogfile",
    "sslpassword",
];

/// Environment variables behind keywords, as in the manual, 32.15.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("options", "PGOPTIONS"),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslcertmode", "PGSSLCERTMODE"),
    ("sslsni", "PGSSLSNI"),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("gssencmode", "PGGSSENCMODE"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("service", "PGSERVICE"),
];

/// Parses either form and fills the gaps from the environment.
pub(super) fn parse(text: &str, env: Env<'_>) -> Result<Upstream, Error> {
    let rest = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"));
    let mut given = match rest {
        Some(rest) => url(rest)?,
        None => keywords(text)?,
    };
    for key in given.keys() {
        check_key(key)?;
    }
    for (key, variable) in ENVIRONMENT {
        if !given.contains_key(*key)
            && let Some(value) = env(variable).filter(|value| !value.is_empty())
        {
            given.insert((*key).to_owned(), value);
        }
    }
    // From the environment too: what asks for more than is done must not pass unheard.
    for key in ["service", "sslcrl", "sslcrldir"] {
        if given.contains_key(key) {
            return Err(Error::Later(key.into()));
        }
    }
    build(&given, env)
}

fn check_key(key: &str) -> Result<(), Error> {
    if KNOWN.contains(&key) || WITHOUT_EFFECT.contains(&key) {
        Ok(())
    } else if LATER.contains(&key) {
        Err(Error::Later(key.to_owned()))
    } else if key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        Err(Error::Unknown(key.to_owned()))
    } else {
        // A URL whose scheme is mistyped, perhaps, with a password in it: it is not repeated.
        Err(Error::Syntax("neither a URL (postgresql://…) nor a list of keyword = value".into()))
    }
}

type Given = BTreeMap<String, String>;

/// `[user[:password]@][host[:port]][,…][/dbname][?key=value&…]`, what follows the scheme.
fn url(rest: &str) -> Result<Given, Error> {
    let mut given = Given::new();
    let (address, query) = match rest.split_once('?') {
        Some((address, query)) => (address, Some(query)),
        None => (rest, None),
    };
    let (authority, database) = match address.split_once('/') {
        Some((authority, database)) => (authority, Some(database)),
        None => (address, None),
    };
    let hosts = match authority.rsplit_once('@') {
        Some((login, hosts)) => {
            let (user, password) = match login.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (login, None),
            };
            put(&mut given, "user", &decode(user)?);
            if let Some(password) = password {
                put(&mut given, "password", &decode(password)?);
            }
            hosts
        }
        None => authority,
    };
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for part in hosts.split(',') {
        let (name, port) = host_and_port(part)?;
        names.push(decode(name)?);
        ports.push(decode(port)?);
    }
    if names.iter().any(|name| !name.is_empty()) {
        put(&mut given, "host", &names.join(","));
    }
    if ports.iter().any(|port| !port.is_empty()) {
        put(&mut given, "port", &ports.join(","));
    }
    if let Some(database) = database {
        put(&mut given, "dbname", &decode(database)?);
    }
    for pair in query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Error::Syntax("a parameter after \"?\" has no \"=\"".into()));
        };
        // JDBC's spelling, which libpq takes too.
        let (key, value) = match (decode(key)?, decode(value)?) {
            (key, value) if key == "ssl" && value == "true" => ("sslmode".to_owned(), "require".to_owned()),
            pair => pair,
        };
        given.insert(key, value);
    }
    Ok(given)
}

fn host_and_port(part: &str) -> Result<(&str, &str), Error> {
    if let Some(rest) = part.strip_prefix('[') {
        let Some((name, after)) = rest.split_once(']') else {
            return Err(Error::Syntax("an IPv6 address has no closing \"]\"".into()));
        };
        return match after.strip_prefix(':') {
            Some(port) => Ok((name, port)),
            None if after.is_empty() => Ok((name, "")),
            None => Err(Error::Syntax("unexpected text after \"]\"".into())),
        };
    }
    Ok(part.split_once(':').unwrap_or((part, "")))
}

fn put(given: &mut Given, key: &str, value: &str) {
    if !value.is_empty() {
        given.insert(key.to_owned(), value.to_owned());
    }
}

/// Percent-decoding; `%00` is refused as libpq does.
fn decode(text: &str) -> Result<String, Error> {
    let broken = || Error::Syntax("invalid percent-encoding".into());
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or_else(broken);
        let value = digit()? * 16 + digit()?;
        if value == 0 {
            return Err(broken());
        }
        out.push(u8::try_from(value).map_err(|_| broken())?);
    }
    String::from_utf8(out).map_err(|_| broken())
}

/// `key = value key='quoted \' value' …`
fn keywords(text: &str) -> Result<Given, Error> {
    let mut given = Given::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(given);
        }
        let mut key = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=' && !c.is_ascii_whitespace()) {
            key.push(c);
        }
        while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        if chars.next() != Some('=') {
            // The word may be anything, a password too: it is not repeated.
            return Err(Error::Syntax("missing \"=\" after a parameter name".into()));
        }
        while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        let quoted = chars.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        loop {
            match chars.next() {
                Some('\\') => value.extend(chars.next()),
                Some('\'') if quoted => break,
                Some(c) if !quoted && c.is_ascii_whitespace() => break,
                Some(c) => value.push(c),
                None if quoted => return Err(Error::Syntax("unterminated quoted string".into())),
                None => break,
            }
        }
        given.insert(key, value);
    }
}

fn build(given: &Given, env: Env<'_>) -> Result<Upstream, Error> {
    let get = |key: &str| given.get(key).map(String::as_str).filter(|value| !value.is_empty());
    check_security(&get)?;
    let hosts = hosts(get("host"), get("hostaddr"), get("port"))?;
    let tls = security::read(&get, env, &hosts)?;
    let user = match get("user") {
        Some(user) => user.to_owned(),
        None => os_user(env).ok_or_else(|| Error::Syntax("no user name is given".into()))?,
    };
    let database = get("dbname").unwrap_or(&user).to_owned();
    let password = match get("password") {
        Some(password) => Some(password.to_owned()),
        None => passfile::lookup(get("passfile"), env, &hosts, &database, &user)?,
    };
    let seconds = |key: &'static str| match get(key) {
        None => Ok(None),
        Some(text) => match text.trim().parse::<i64>() {
            Ok(seconds) => Ok(u64::try_from(seconds).ok().filter(|s| *s > 0).map(Duration::from_secs)),
            Err(_) => Err(Error::Value(key)),
        },
    };
    let count = match get("keepalives_count") {
        None => None,
        Some(text) => Some(text.trim().parse::<u32>().map_err(|_| Error::Value("keepalives_count"))?),
    };
    Ok(Upstream {
        hosts,
        user,
        database,
        password: password.map(Password),
        options: get("options").map(str::to_owned),
        application_name: get("application_name").or(get("fallback_application_name")).map(str::to_owned),
        // libpq: 1 counts as 2, because of how coarse the clock is.
        connect_timeout: seconds("connect_timeout")?.map(|limit| limit.max(Duration::from_secs(2))),
        keepalive: Keepalive {
            enabled: get("keepalives").is_none_or(|value| value.trim() != "0"),
            idle: seconds("keepalives_idle")?,
            interval: seconds("keepalives_interval")?,
            count: count.filter(|count| *count > 0),
        },
        tls,
    })
}

/// What would promise more than a plain connection gives is refused.
fn check_security<'a>(get: &impl Fn(&str) -> Option<&'a str>) -> Result<(), Error> {
    let one_of = |key: &'static str, now: &[&str], later: &[&str]| match get(key) {
        None => Ok(()),
        Some(value) if now.contains(&value) => Ok(()),
        Some(value) if later.contains(&value) => Err(Error::Later(format!("{key}={value}"))),
        Some(_) => Err(Error::Value(key)),
    };
    one_of("gssencmode", &["disable", "prefer"], &["require"])?;
    one_of("channel_binding", &["disable", "prefer"], &["require"])?;
    one_of("load_balance_hosts", &["disable"], &["random"])?;
    one_of("target_session_attrs", &["any"], &["read-write", "read-only", "primary", "standby", "prefer-standby"])?;
    if get("tcp_user_timeout").is_some_and(|value| value.trim() != "0") {
        return Err(Error::Later("tcp_user_timeout".into()));
    }
    Ok(())
}

fn hosts(names: Option<&str>, addresses: Option<&str>, ports: Option<&str>) -> Result<Vec<Host>, Error> {
    let names: Vec<&str> = match (addresses, names) {
        (Some(addresses), _) => addresses.split(',').collect(),
        (None, Some(names)) => names.split(',').collect(),
        (None, None) => vec![""],
    };
    let ports: Vec<&str> = ports.map_or_else(|| vec![""], |ports| ports.split(',').collect());
    if ports.len() != 1 && ports.len() != names.len() {
        return Err(Error::Syntax("the number of ports is not the number of hosts".into()));
    }
    let port_of = |index: usize| {
        let text = ports.get(index).or(ports.first()).copied().unwrap_or("").trim();
        if text.is_empty() {
            return Ok(5432);
        }
        text.parse::<u16>().ok().filter(|port| *port > 0).ok_or(Error::Value("port"))
    };
    let one = |(index, name): (usize, &&str)| {
        let (name, port) = (name.trim(), port_of(index)?);
        if name.starts_with('@') {
            return Err(Error::Later("a host in the abstract socket name space".into()));
        }
        Ok(match name {
            "" => Host::Unix { directory: default_directory(), port },
            path if path.starts_with('/') => Host::Unix { directory: PathBuf::from(path), port },
            name => Host::Tcp { name: name.to_owned(), port },
        })
    };
    names.iter().enumerate().map(one).collect()
}

/// Where a server puts its socket unless told otherwise: Debian's directory, else PostgreSQL's own.
fn default_directory() -> PathBuf {
    let debian = PathBuf::from("/var/run/postgresql");
    if debian.is_dir() { debian } else { PathBuf::from("/tmp") }
}

/// The name of the operating system's user, as the login shell tells it.
fn os_user(env: Env<'_>) -> Option<String> {
    ["USER", "LOGNAME"].iter().find_map(|name| env(name)).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Upstream, Error> {
        parse(text, &|name| (name == "USER").then(|| "me".to_owned()))
    }

    fn tcp(name: &str, port: u16) -> Host {
        Host::Tcp { name: name.into(), port }
    }

    #[test]
    fn a_url_with_everything_is_read_as_libpq_reads_it() {
        let up =
            read("postgresql://al%40ice:p%3Aw@h1:1,[::1]:2/app%20db?application_name=x&connect_timeout=1").unwrap();
        assert_eq!(up.hosts, [tcp("h1", 1), tcp("::1", 2)]);
        assert_eq!((up.user.as_str(), up.database.as_str()), ("al@ice", "app db"));
        assert_eq!(up.password, Some(Password("p:w".into())));
        assert_eq!(up.application_name.as_deref(), Some("x"));
        assert_eq!(up.connect_timeout, Some(Duration::from_secs(2)));
    }

    #[test]
    fn keywords_with_quotes_and_escapes_are_read_as_libpq_reads_them() {
        let up = read(r"host = /var/run  port=5433 user='it''s' password='a\'b\\c' dbname=d");
        assert!(matches!(up, Err(Error::Syntax(_))));
        let up = read(r"host = /run/pg  port=5433 user='it\'s' password='a b\\c' dbname=d").unwrap();
        assert_eq!(up.hosts, [Host::Unix { directory: "/run/pg".into(), port: 5433 }]);
        assert_eq!((up.user.as_str(), up.database.as_str()), ("it's", "d"));
        assert_eq!(up.password, Some(Password(r"a b\c".into())));
    }

    #[test]
    fn a_socket_directory_in_a_url_is_percent_encoded_or_a_parameter() {
        let want = [Host::Unix { directory: "/tmp/pg".into(), port: 5432 }];
        assert_eq!(read("postgresql://%2Ftmp%2Fpg/app").unwrap().hosts, want);
        assert_eq!(read("postgresql:///app?host=/tmp/pg").unwrap().hosts, want);
    }

    #[test]
    fn what_is_left_out_comes_from_the_environment_then_from_defaults() {
        let env = |name: &str| match name {
            "PGHOST" => Some("h".to_owned()),
            "PGPASSWORD" => Some("secret".to_owned()),
            "USER" => Some("me".to_owned()),
            _ => None,
        };
        let up = parse("postgres://", &env).unwrap();
        assert_eq!(up.hosts, [tcp("h", 5432)]);
        assert_eq!((up.user.as_str(), up.database.as_str()), ("me", "me"));
        assert_eq!(up.password, Some(Password("secret".into())));
    }

    #[test]
    fn unknown_parameters_are_errors_and_known_ones_are_not_in_this_version() {
        assert_eq!(read("host=h hots=x"), Err(Error::Unknown("hots".into())));
        assert_eq!(read("host=h service=x"), Err(Error::Later("service".into())));
        assert_eq!(read("host=h sslpassword=x"), Err(Error::Later("sslpassword".into())));
        assert_eq!(read("host=h sslcrl=x"), Err(Error::Later("sslcrl".into())));
        assert_eq!(read("postgres://h/?sslmode=maybe"), Err(Error::Value("sslmode")));
    }

    #[test]
    fn an_error_and_debug_never_repeat_the_password() {
        for text in [
            "postgres://u:hunter2@h/d?x",
            "hunter2",
            "password=hunter2 nope=1",
            "password='hunter2",
            "postgre://u:hunter2@h/d?sslmode=disable",
            "postgres://h/d?u:hunter2@h=1",
        ] {
            let error = read(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}");
        }
        let up = read("postgres://u:hunter2@h/d").unwrap();
        assert!(!format!("{up:?}").contains("hunter2"));
    }

    #[test]
    fn ports_belong_to_hosts_one_by_one_or_all() {
        assert_eq!(read("host=a,b port=1,2").unwrap().hosts, [tcp("a", 1), tcp("b", 2)]);
        assert_eq!(read("host=a,b port=7").unwrap().hosts, [tcp("a", 7), tcp("b", 7)]);
        assert!(read("host=a,b,c port=1,2").is_err());
        assert_eq!(read("host=a port=0"), Err(Error::Value("port")));
    }
}
