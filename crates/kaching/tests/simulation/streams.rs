//! Streams of changes between the authority and a product. A network that blocks waiting polls blocks events, too.

use std::rc::Rc;

use kaching_client::simulation::Sent;

use crate::{
    broken::Broken,
    machine::{Exchange, Piece, Reply, SECOND, Stage, Stream, ThreadState},
    run::Run,
    script::ClientThread,
    server::{Answer, Raw},
    statement::Statement,
    steps::wake,
};

/// Signs of life are this far apart.
const PING: i64 = 15 * SECOND;

impl Run<'_> {
    /// Opens a stream: its head, and the present state.
    pub(crate) async fn open_stream(&mut self, number: usize, raw: &Rc<Raw>) -> Result<Stage, Broken> {
        let soon = self.now() + self.latency();
        let (answer, statement) = self.ask(number, raw).await?;
        if answer.status != 200 {
            return Ok(Stage::Coming(soon, Reply::Own(answer, statement)));
        }
        let quiet = soon + self.quiet(number);
        let mut stream = Stream { ping: i64::MAX, quiet, ..Stream::default() };
        stream.pieces.push_back((soon, (Vec::new(), None)));
        if !self.machines[number].impatient {
            stream.rev = self.revision;
            stream.ping = soon + PING;
            stream.pieces.push_back((soon, event(&answer, statement)));
        }
        Ok(Stage::Streams(stream))
    }

    /// After this time without a piece, a product checks whether the stream has been silent for too long.
    fn quiet(&self, number: usize) -> i64 {
        let product = self.machines[number].product.as_ref();
        let sent = product.and_then(|product| match &product.threads[ClientThread::Polls as usize] {
            ThreadState::Waiting(exchange) => Some(exchange.sent.timeout()),
            ThreadState::Idle(_) => None,
        });
        sent.map_or(10 * SECOND, |timeout| i64::try_from(timeout.as_micros()).unwrap())
    }

    /// Announces a change on the open streams.
    pub(crate) async fn announce_on_stream(&mut self, number: usize) -> Result<(), Broken> {
        let at = self.now() + self.latency();
        let product = self.machines[number].product.as_ref().unwrap();
        let ThreadState::Waiting(exchange) = &product.threads[ClientThread::Polls as usize] else {
            return Ok(());
        };
        let raw = Rc::clone(&exchange.raw);
        // As with a poll, this raises no revision.
        let (answer, statement) = Box::pin(self.ask(number, &raw)).await?;
        let revision = self.revision;
        let product = self.machines[number].product.as_mut().unwrap();
        if let ThreadState::Waiting(exchange) = &mut product.threads[ClientThread::Polls as usize]
            && let Stage::Streams(stream) = &mut exchange.stage
            && stream.ping < i64::MAX
        {
            stream.rev = revision;
            // One after the other.
            let at = stream.pieces.back().map_or(at, |(last, _)| at.max(*last));
            stream.pieces.push_back((at, event(&answer, statement)));
        }
        Ok(())
    }

    /// Delivers the pieces of a stream that have arrived.
    pub(crate) fn step_stream(
        &mut self,
        number: usize,
        thread: ClientThread,
        exchange: Exchange,
        mut stream: Stream,
    ) -> Result<(), Broken> {
        let now = self.now();
        if stream.ping <= now {
            stream.ping = now + PING;
            let said = self.server.world.authority.now();
            let ping = format!("event: ping\ndata: {{\"now\":\"{said}\"}}\n\n");
            stream.pieces.push_back((now, (ping.into_bytes(), None)));
        }
        let mut read = Vec::new();
        while stream.pieces.front().is_some_and(|(at, _)| *at <= now) {
            read.extend(stream.pieces.pop_front().map(|(_, piece)| piece));
        }
        if read.is_empty() && stream.quiet <= now {
            read.push((Vec::new(), None));
        }
        let received = !read.is_empty();
        for piece in read {
            stream.quiet = now + i64::try_from(exchange.sent.timeout().as_micros()).unwrap();
            if !self.deliver_piece(number, &exchange.sent, piece)? {
                return self.lose(number, &exchange.sent, thread, "it was silent for too long");
            }
            if self.machines[number].product.is_none() {
                return Ok(());
            }
        }
        let product = self.machines[number].product.as_mut().unwrap();
        if received {
            wake(&mut product.threads, thread, now);
        }
        let stage = Stage::Streams(stream);
        product.threads[thread as usize] = ThreadState::Waiting(Box::new(Exchange { stage, ..exchange }));
        Ok(())
    }

    /// Delivers a piece, and returns whether the product wants more.
    fn deliver_piece(
        &mut self,
        number: usize,
        sent: &Sent,
        (bytes, statement): Piece,
    ) -> Result<bool, Broken> {
        self.log(|| {
            let said = statement.as_ref().map(|statement| format!("{statement:?}")).unwrap_or_default();
            format!("{number} reads {} {said}", String::from_utf8_lossy(&bytes).trim_end())
        });
        let now = self.now();
        let machine = &mut self.machines[number];
        let dies = !bytes.is_empty() && std::mem::take(&mut machine.dies_at_write);
        if dies && machine.disk_fails_until.is_none() {
            machine.set_disk(Some(now));
        }
        let product = machine.product.as_mut().unwrap();
        let more = product.simulation.piece(sent, &bytes);
        if dies {
            machine.kill();
            machine.set_disk(None);
            return Ok(true);
        }
        machine.pushed(statement.as_ref());
        machine.watch(None, now)?;
        Ok(more)
    }
}

/// The answer to a poll as an event.
fn event(answer: &Answer, statement: Option<Statement>) -> Piece {
    let data = String::from_utf8_lossy(&answer.body);
    (format!("event: license\ndata: {data}\n\n").into_bytes(), statement)
}
