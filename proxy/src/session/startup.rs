//! From the first packet to AuthenticationOk: what the start-up packet asks for, relayed authentication.
//!
//! PostgreSQL 18 manual, 54.2.1 and 54.7. Nothing is allocated on the word of a length that was not checked.

use pgseal::error::SqlState;
use pgseal::exec::session::path::Path;
use pgseal::sql::{Refusal, settings};

use super::fatal::Fatal;
use super::first::{First, code, demand_tls, first_packet};
use super::sasl::{self, Binding, Offer};
use super::{Context, cancel, ends, log};
use crate::upstream::{ConnectError, Stream};
use crate::wire::buffer::{Inbound, Outbound};
use crate::wire::frame::{Header, MAX_AUTHENTICATION};

/// How a connection began.
pub(super) enum Opened {
    /// Authenticated.
    Session(Box<Session>),
    /// Refused by us, with a reason for the client.
    Refused(Fatal),
    /// Over without a word of ours: a cancel request, a server's own refusal, a client that left, or what is no start-up
    /// packet.
    Closed,
}

/// An authenticated pair of connections.
pub(super) struct Session {
    pub(super) server: Stream,
    /// Number of the host in the upstream's list.
    pub(super) host: usize,
    /// What the client sent already.
    pub(super) from_client: Inbound,
    /// What the server sent already.
    pub(super) from_server: Inbound,
    /// Whether it is the database that the schema file protects.
    pub(super) protected: bool,
    /// What the client said of its search path.
    pub(super) path: Path,
}

/// Why it did not begin.
pub(super) enum End {
    Refused(Fatal),
    Closed,
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> Self {
        End::Closed
    }
}

impl From<Fatal> for End {
    fn from(fatal: Fatal) -> Self {
        End::Refused(fatal)
    }
}

/// Takes a connection from its first byte to AuthenticationOk.
pub(super) async fn open(client: &mut Stream, context: &Context) -> Opened {
    match try_open(client, context).await {
        Ok(session) => Opened::Session(Box::new(session)),
        Err(End::Refused(reason)) => Opened::Refused(reason),
        Err(End::Closed) => Opened::Closed,
    }
}

async fn try_open(client: &mut Stream, context: &Context) -> Result<Session, End> {
    let mut from_client = Inbound::default();
    let packet = match first_packet(client, &mut from_client, context.tls.as_deref()).await? {
        First::Startup(packet) => packet,
        First::Cancel(key) => {
            cancel::request(context, &key).await;
            return Err(End::Closed);
        }
    };
    let database = check(&packet, context)?;
    demand_tls(client, context)?;
    let (mut server, host) = context.upstream.connect().await.map_err(|error| unreachable(&error, context))?;
    let path = path(&packet)?;
    let mut to_server = Outbound::default();
    to_server.bytes().extend(&packet);
    let mut from_server = Inbound::default();
    authenticate(client, &mut server, &mut from_client, &mut from_server, to_server, context).await?;
    let protected = match database {
        Database::Protected => true,
        Database::Passed => false,
        Database::NotServed(refusal) => {
            accepted(client, &mut server, &mut from_server).await?;
            ends::terminate(&mut server).await;
            return Err(refusal.into());
        }
    };
    Ok(Session { server, host, from_client, from_server, protected, path })
}

fn unreachable(error: &ConnectError, context: &Context) -> Fatal {
    if error.out_of_descriptors {
        context.shortage.felt();
        return Fatal::too_many_clients();
    }
    tracing::warn!(%error, "the server cannot be reached");
    Fatal::new(SqlState::CANNOT_CONNECT, "the proxy cannot connect to the database server")
}

/// What a start-up packet asks for. Bytes, since nothing says that they are UTF-8.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked<'a> {
    user: Option<&'a [u8]>,
    database: Option<&'a [u8]>,
    replication: Option<&'a [u8]>,
    /// Why a setting among them does not go with protected tables (SQL-7).
    harmful: Option<Refusal>,
}

/// A parameter: its name and its value.
type Pair<'p> = (&'p [u8], &'p [u8]);

/// The parameters in their order.
fn pairs(packet: &[u8]) -> Result<Vec<Pair<'_>>, Fatal> {
    let layout = || Fatal::protocol("invalid startup packet layout: expected terminator as last byte");
    let mut rest = packet.get(8..).ok_or_else(layout)?;
    let mut text = || {
        let end = rest.iter().position(|byte| *byte == 0).ok_or_else(layout)?;
        let (found, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or(&[]);
        Ok::<_, Fatal>((found, rest.is_empty()))
    };
    let mut pairs = Vec::new();
    loop {
        let (name, last) = text()?;
        if name.is_empty() {
            return if last { Ok(pairs) } else { Err(layout()) };
        }
        let (value, _) = text()?;
        pairs.push((name, value));
    }
}

/// What the client says of its search path (SQL-63).
fn path(packet: &[u8]) -> Result<Path, Fatal> {
    let pairs = pairs(packet)?;
    let user = pairs.iter().rfind(|(name, _)| *name == b"user").map_or(&b""[..], |(_, user)| user);
    let settings = settings::startup(pairs.iter().copied());
    let settings = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(Path::new(&String::from_utf8_lossy(user), settings))
}

/// Reads the parameters; of a name that comes twice the last one counts, as in `ProcessStartupPacket`.
fn parameters(packet: &[u8]) -> Result<Asked<'_>, Fatal> {
    let mut asked = Asked::default();
    for (name, value) in pairs(packet)? {
        match name {
            b"user" => asked.user = Some(value),
            b"database" => asked.database = Some(value),
            b"replication" => asked.replication = Some(value),
            _ => asked.harmful = asked.harmful.or(settings::check_startup(name, value).err()),
        }
    }
    Ok(asked)
}

/// The database that a start-up packet asks for.
#[derive(Debug, PartialEq, Eq)]
enum Database {
    /// The one that the schema file protects.
    Protected,
    /// One that is relayed untouched.
    Passed,
    /// Any other. Whether the client may know that is for the server to say first: it hears this once it is let in.
    NotServed(Fatal),
}

/// Whether the packet may go on to the server, and which database it is about.
fn check(packet: &[u8], context: &Context) -> Result<Database, Fatal> {
    let code = code(packet);
    let (major, minor) = (code >> 16, code & 0xffff);
    if major != 3 {
        return Err(Fatal::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.2"),
        ));
    }
    let asked = parameters(packet)?;
    let database = asked.database.filter(|name| !name.is_empty()).or(asked.user).unwrap_or(&[]);
    log::asks(asked.user, database);
    if asked.replication.is_some_and(|value| !is_false(value)) {
        return Err(Fatal::new(SqlState::FEATURE_NOT_SUPPORTED, "replication connections are not in this version")
            .hint("Connect replication clients straight to the server; they see what it stores."));
    }
    if database == context.upstream.database.as_bytes() {
        return match asked.harmful {
            Some(refusal) if !context.protection.borrow().is_empty() => {
                let fatal = Fatal::new(refusal.sqlstate, refusal.message);
                Err(refusal.hint.into_iter().fold(fatal, Fatal::hint))
            }
            Some(_) | None => Ok(Database::Protected),
        };
    }
    if context.pass_databases.iter().any(|name| name.as_bytes() == database) {
        return Ok(Database::Passed);
    }
    Ok(Database::NotServed(not_served(database, &context.upstream.database)))
}

/// PostgreSQL's words for a database that is not there: tools look for them.
fn not_served(database: &[u8], served: &str) -> Fatal {
    let message = format!("database \"{}\" does not exist", String::from_utf8_lossy(database));
    Fatal::new(SqlState::INVALID_CATALOG_NAME, message)
        .detail(format!("This is a proxy, which serves the database \"{served}\"."))
        .hint("It relays others untouched if pass_databases lists them.")
}

/// `parse_bool`'s spellings of false (utils/adt/bool.c). Anything else counts as a wish for replication.
fn is_false(value: &[u8]) -> bool {
    let value = value.to_ascii_lowercase();
    let begins = |word: &[u8], least: usize| value.len() >= least && word.starts_with(&value);
    begins(b"false", 1) || begins(b"no", 1) || begins(b"off", 2) || value == b"0"
}

/// Whether the client has something to say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Server,
    /// A GSS or SSPI exchange may or may not go on.
    Either,
    Client,
}

async fn authenticate(
    client: &mut Stream,
    server: &mut Stream,
    from_client: &mut Inbound,
    from_server: &mut Inbound,
    mut to_server: Outbound,
    context: &Context,
) -> Result<(), End> {
    let binding = Binding::between(client, server);
    let (mut client_reader, mut client_writer) = client.split();
    let (mut server_reader, mut server_writer) = server.split();
    let mut to_client = Outbound::default();
    let mut turn = Turn::Server;
    let mut offer = Offer::AsItWas;
    loop {
        let end = relay_requests(from_server, to_client.bytes(), &mut turn, (binding, &mut offer), context);
        to_client.write(&mut client_writer).await?;
        match end? {
            Some(Answer::Authenticated) => return Ok(()),
            Some(Answer::Rejected) => return Err(End::Closed),
            None => {}
        }
        if turn != Turn::Server {
            relay_response(from_client, to_server.bytes(), &mut turn, &mut offer)?;
        }
        to_server.write(&mut server_writer).await?;
        let client_waits = turn == Turn::Server && !from_client.bytes().is_empty();
        tokio::select! {
            count = from_server.read(&mut server_reader, 0) => {
                if count? == 0 {
                    let message = "the server closed the connection during authentication";
                    return Err(Fatal::new(SqlState::CONNECTION_FAILURE, message).into());
                }
            }
            count = from_client.read(&mut client_reader, 0), if !client_waits => {
                if count? == 0 {
                    return Err(End::Closed);
                }
            }
        }
    }
}

enum Answer {
    Authenticated,
    Rejected,
}

/// Waits for what the server says to a client that it has authenticated: only now does it look at role and database. An
/// error of its own is passed on; anything else means that the client is let in.
async fn accepted(client: &mut Stream, server: &mut Stream, from_server: &mut Inbound) -> Result<(), End> {
    let (_, mut client_writer) = client.split();
    let (mut server_reader, _) = server.split();
    let mut to_client = Outbound::default();
    loop {
        let header = Header::peek(from_server.bytes()).map_err(|_| Fatal::protocol(UNEXPECTED))?;
        let frame = header.and_then(|header| Some((header, from_server.bytes().get(..header.total)?)));
        match (header.map(|header| header.tag), frame) {
            (Some(b'E' | b'N'), Some((header, frame))) => {
                to_client.bytes().extend(frame);
                to_client.write(&mut client_writer).await?;
                from_server.consume(header.total);
                if header.tag == b'E' {
                    return Err(End::Closed);
                }
            }
            (Some(b'E' | b'N') | None, _) => {
                if from_server.read(&mut server_reader, 0).await? == 0 {
                    return Err(End::Closed);
                }
            }
            (Some(_), _) => return Ok(()),
        }
    }
}

const UNEXPECTED: &str = "the server sent something unexpected during authentication";

/// Passes on what the server says until it has answered.
fn relay_requests(
    from_server: &mut Inbound,
    out: &mut Vec<u8>,
    turn: &mut Turn,
    (binding, offer): (Binding, &mut Offer),
    context: &Context,
) -> Result<Option<Answer>, Fatal> {
    let unexpected = || Fatal::protocol(UNEXPECTED);
    loop {
        let bytes = from_server.bytes();
        let Some(header) = Header::peek(bytes).map_err(|_| unexpected())? else { return Ok(None) };
        if header.total > MAX_AUTHENTICATION {
            return Err(unexpected());
        }
        let Some(frame) = bytes.get(..header.total) else { return Ok(None) };
        let answer = match (header.tag, frame) {
            (b'R', [_, _, _, _, _, a, b, c, d, ..]) => match u32::from_be_bytes([*a, *b, *c, *d]) {
                0 => Some(Answer::Authenticated),
                3 if !context.allow_cleartext_password => {
                    return Err(Fatal::new(SqlState::CANNOT_CONNECT, "the server asked for a clear-text password")
                        .hint("If it always does so (LDAP, RADIUS, PAM), serve with --allow-cleartext-password."));
                }
                // MD5, SASL and its continuation, clear text: exactly one message answers.
                3 | 5 | 10 | 11 => {
                    *turn = Turn::Client;
                    None
                }
                // SASLFinal: the server goes on.
                12 => {
                    *turn = Turn::Server;
                    None
                }
                7..=9 => {
                    *turn = Turn::Either;
                    None
                }
                _ => return Err(unexpected()),
            },
            (b'E', _) => Some(Answer::Rejected),
            (b'N' | b'v', _) => None,
            _ => return Err(unexpected()),
        };
        match sasl::without_binding(frame).filter(|_| binding == Binding::Breaks) {
            Some(fewer) => {
                out.extend(fewer);
                *offer = Offer::Fewer;
            }
            None => out.extend(frame),
        }
        from_server.consume(header.total);
        if answer.is_some() {
            return Ok(answer);
        }
    }
}

/// Passes on the one message that the server waits for.
fn relay_response(
    from_client: &mut Inbound,
    out: &mut Vec<u8>,
    turn: &mut Turn,
    offer: &mut Offer,
) -> Result<(), Fatal> {
    while *turn != Turn::Server {
        let bytes = from_client.bytes();
        let Some(header) =
            Header::peek(bytes).map_err(|_| Fatal::protocol("invalid length of an authentication message"))?
        else {
            return Ok(());
        };
        match (header.tag, *turn) {
            (b'p', _) if header.total <= MAX_AUTHENTICATION => {}
            (b'p', _) => return Err(Fatal::protocol("an authentication message is too long")),
            (_, Turn::Either) => return Ok(()),
            (_, Turn::Client | Turn::Server) => {
                return Err(Fatal::protocol("expected a password or authentication message"));
            }
        }
        let Some(frame) = bytes.get(..header.total) else { return Ok(()) };
        if std::mem::replace(offer, Offer::AsItWas) == Offer::Fewer && sasl::misses_binding(frame) {
            return Err(sasl::cannot_work());
        }
        out.extend(frame);
        from_client.consume(header.total);
        if *turn == Turn::Client {
            *turn = Turn::Server;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::listener::Shortage;
    use crate::upstream::Upstream;

    fn context(pass: &[&str]) -> Context {
        Context {
            tls: None,
            upstream: Upstream::parse("host=h user=u dbname=app sslmode=disable").unwrap(),
            limits: Limits::default(),
            allow_cleartext_password: false,
            pass_databases: pass.iter().map(|name| (*name).to_owned()).collect(),
            cancels: cancel::Registry::default(),
            protection: tokio::sync::watch::channel(std::sync::Arc::default()).1,
            keys: std::sync::Arc::new(super::super::world::NoKeys),
            control: None,
            shortage: Shortage::default(),
        }
    }

    fn packet(pairs: &[(&str, &str)]) -> Vec<u8> {
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        for (name, value) in pairs {
            body.extend(name.bytes().chain([0]).chain(value.bytes()).chain([0]));
        }
        body.push(0);
        let mut packet = u32::try_from(body.len() + 4).unwrap().to_be_bytes().to_vec();
        packet.append(&mut body);
        packet
    }

    /// Whether the database is the protected one, or why it is not served.
    fn asked(packet: &[u8], context: &Context) -> Result<bool, &'static str> {
        match check(packet, context) {
            Ok(Database::Protected) => Ok(true),
            Ok(Database::Passed) => Ok(false),
            Ok(Database::NotServed(fatal)) | Err(fatal) => Err(fatal.sqlstate.code()),
        }
    }

    fn sqlstate(pairs: &[(&str, &str)]) -> Result<bool, &'static str> {
        asked(&packet(pairs), &context(&["other"]))
    }

    #[test]
    fn only_the_protected_database_and_listed_ones_are_served() {
        assert_eq!(sqlstate(&[("user", "u"), ("database", "app")]), Ok(true));
        assert_eq!(sqlstate(&[("user", "app")]), Ok(true));
        assert_eq!(sqlstate(&[("user", "u"), ("database", "other")]), Ok(false));
        assert_eq!(sqlstate(&[("user", "u")]), Err("3D000"));
        assert_eq!(sqlstate(&[("database", "app"), ("user", "u"), ("database", "x")]), Err("3D000"));
    }

    #[test]
    fn a_setting_that_changes_the_meaning_of_texts_is_refused_where_something_is_protected_sql_7() {
        let checked = |context: &Context, name, value| asked(&packet(&[("user", "app"), (name, value)]), context);
        let nothing = context(&[]);
        let protection = super::super::tests::protection(1);
        let protected =
            Context { protection: tokio::sync::watch::channel(std::sync::Arc::new(protection)).1, ..context(&[]) };
        for (name, value) in [("array_nulls", "off"), ("options", "-c transform_null_equals=on")] {
            assert_eq!(checked(&protected, name, value), Err("0A000"), "{name}: {value}");
            assert_eq!(checked(&nothing, name, value), Ok(true), "{name}: {value}");
        }
        assert_eq!(checked(&protected, "options", "-c array_nulls=on"), Ok(true));
        let other = Context { pass_databases: vec!["other".to_owned()], ..protected };
        let packet = packet(&[("user", "u"), ("database", "other"), ("array_nulls", "off")]);
        assert_eq!(asked(&packet, &other), Ok(false), "not its database");
    }

    #[test]
    fn replication_in_any_spelling_of_true_is_refused() {
        for value in ["true", "database", "1", "on", "yes", "t", "DATABASE", "", "maybe"] {
            assert_eq!(sqlstate(&[("user", "app"), ("replication", value)]), Err("0A000"), "{value}");
        }
        for value in ["false", "F", "no", "off", "0"] {
            assert_eq!(sqlstate(&[("user", "app"), ("replication", value)]), Ok(true), "{value}");
        }
    }

    #[test]
    fn a_packet_without_its_terminator_is_a_protocol_error() {
        let whole = packet(&[("user", "app")]);
        for end in 8..whole.len() {
            let error = check(whole.get(..end).unwrap(), &context(&[])).unwrap_err();
            assert_eq!(error.sqlstate, SqlState::PROTOCOL_VIOLATION, "{end}");
        }
        let mut more = whole;
        more.push(0);
        assert!(check(&more, &context(&[])).is_err());
    }
}
