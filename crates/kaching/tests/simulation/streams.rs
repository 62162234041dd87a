//! Streams of changes between the authority and a product. Whoever lets no question wait keeps their events, too.

use std::rc::Rc;

use kaching_client::simulation::Sent;

use crate::{
    broken::Broken,
    house::{Answer, Raw},
    machine::{Exchange, Piece, Reply, SECOND, Stage, State, Stream},
    run::Run,
    script::Lane,
    statement::Statement,
    steps::wake,
};

/// Signs of life are this far apart.
const PING: i64 = 15 * SECOND;

impl Run<'_> {
    /// A stream is asked for: its head, and the present state.
    pub(crate) async fn stream_opens(&mut self, number: usize, raw: &Rc<Raw>) -> Result<Stage, Broken> {
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

    /// After this time without a piece, a product looks whether it has heard enough.
    fn quiet(&self, number: usize) -> i64 {
        let product = self.machines[number].product.as_ref();
        let sent = product.and_then(|product| match &product.lanes[Lane::Questions as usize] {
            State::Waits(exchange) => Some(exchange.sent.timeout()),
            State::Rests(_) => None,
        });
        sent.map_or(10 * SECOND, |timeout| i64::try_from(timeout.as_micros()).unwrap())
    }

    /// Announces a change on the open streams.
    pub(crate) async fn stream_tells(&mut self, number: usize) -> Result<(), Broken> {
        let at = self.now() + self.latency();
        let product = self.machines[number].product.as_ref().unwrap();
        let State::Waits(exchange) = &product.lanes[Lane::Questions as usize] else { return Ok(()) };
        let raw = Rc::clone(&exchange.raw);
        // As with a question, nothing is raised by looking.
        let (answer, statement) = Box::pin(self.ask(number, &raw)).await?;
        let revision = self.revision;
        let product = self.machines[number].product.as_mut().unwrap();
        if let State::Waits(exchange) = &mut product.lanes[Lane::Questions as usize]
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
    pub(crate) fn stream_happens(
        &mut self,
        number: usize,
        lane: Lane,
        exchange: Exchange,
        mut stream: Stream,
    ) -> Result<(), Broken> {
        let now = self.now();
        if stream.ping <= now {
            stream.ping = now + PING;
            let said = self.house.world.authority.now();
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
        let heard = !read.is_empty();
        for piece in read {
            stream.quiet = now + i64::try_from(exchange.sent.timeout().as_micros()).unwrap();
            if !self.piece_comes(number, &exchange.sent, piece)? {
                return self.comes_nothing(number, &exchange.sent, lane, "it was enough");
            }
            if self.machines[number].product.is_none() {
                return Ok(());
            }
        }
        let product = self.machines[number].product.as_mut().unwrap();
        if heard {
            wake(&mut product.lanes, lane, now);
        }
        let stage = Stage::Streams(stream);
        product.lanes[lane as usize] = State::Waits(Box::new(Exchange { stage, ..exchange }));
        Ok(())
    }

    /// Whether the product wants more after this piece.
    fn piece_comes(&mut self, number: usize, sent: &Sent, (bytes, statement): Piece) -> Result<bool, Broken> {
        self.tell(|| {
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

/// The answer to a question as an event.
fn event(answer: &Answer, statement: Option<Statement>) -> Piece {
    let data = String::from_utf8_lossy(&answer.body);
    (format!("event: license\ndata: {data}\n\n").into_bytes(), statement)
}
