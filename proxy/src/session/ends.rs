//! How a session ends: a client that is gone or only says nothing more, and a server that should stop working for it.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::gate::Signal;
use super::{Context, cancel};
use crate::upstream::{Closed, ReadHalf, Stream};

/// How long a client that closed its side and is still served is left alone between two questions.
const EVERY: Duration = Duration::from_secs(5);

/// What such a client is sent: a ParameterStatus that repeats what every server says since PostgreSQL 10. A client that
/// is gone answers with a reset.
pub(super) const QUESTION: &[u8] = b"S\0\0\0\x19integer_datetimes\0on\0";

/// Returns when the client is gone, without reading what it sent. A FIN is ambiguous: it may come from a client that waits
/// for its answers. So it is asked, after `patience` for the first time; and so is a client whose FIN may be hidden behind
/// what is not read. `question` tells the direction that writes to it.
pub(super) async fn gone(client: &ReadHalf<'_>, question: &Signal, patience: Duration) {
    let (mut closing, mut wait) = (false, EVERY);
    loop {
        tokio::select! {
            closed = client.closed(), if !closing => match closed {
                Closed::Reset => return,
                Closed::Writing => (closing, wait) = (true, patience),
            },
            () = client.reset(), if closing => return,
            () = tokio::time::sleep(wait) => {
                if closing || client.has_unread() {
                    question.give();
                }
                wait = EVERY;
            }
        }
    }
}

/// Says good-bye to a server that has nothing to do.
pub(super) async fn terminate(server: &mut Stream) {
    let (_, mut writer) = server.split();
    // It may be gone already.
    let told = async {
        writer.write_all(TERMINATE).await?;
        writer.flush().await
    };
    let _ = tokio::time::timeout(Duration::from_secs(2), told).await;
}

const TERMINATE: &[u8] = b"X\0\0\0\x04";

/// Takes the server from its work. A cancel ends one statement, and the next one may have been sent already: it is repeated
/// until the server has closed.
pub(super) async fn abandon(server: &mut Stream, context: &Context, key: &[u8]) {
    cancel::request(context, key).await;
    let mut over = pin!(drained(server));
    for wait in [100, 200, 400, 800, 1600] {
        if tokio::time::timeout(Duration::from_millis(wait), &mut over).await.is_ok() {
            return;
        }
        cancel::request(context, key).await;
    }
}

/// Says good-bye, and waits until the server has closed. What it says is for nobody.
async fn drained(server: &mut Stream) {
    let (mut reader, mut writer) = server.split();
    let farewell = async {
        let _: io::Result<()> = async {
            writer.write_all(TERMINATE).await?;
            writer.shutdown().await
        }
        .await;
        std::future::pending::<()>().await;
    };
    let rest = async {
        // Not in the future, which every session has room for.
        let mut nothing = vec![0; 4096];
        while matches!(reader.read(&mut nothing).await, Ok(1..)) {}
    };
    tokio::select! { () = rest => {}, () = farewell => {} }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::Header;
    use crate::wire::reader;

    #[test]
    fn the_question_is_a_parameter_status() {
        let header = Header::peek(QUESTION).unwrap().unwrap();
        assert_eq!((header.tag, header.total), (b'S', QUESTION.len()));
        assert_eq!(reader::parameter_status(&QUESTION[5..]).unwrap(), (&b"integer_datetimes"[..], &b"on"[..]));
    }
}
