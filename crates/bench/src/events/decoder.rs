//! A decoder for the parts of chunked HTTP/1.1 and Server-Sent Events that the authority uses.

use kaching_base::Timestamp;

/// The bytes of a stream that are not decoded yet.
#[derive(Default)]
pub(super) struct Decoder {
    raw: Vec<u8>,
    /// The body so far, without the chunk headers.
    body: Vec<u8>,
    began: bool,
}

/// A change, as an event reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChangeEvent {
    pub(super) revision: u64,
    /// `None` in the first event, which reports the present state.
    pub(super) at: Option<Timestamp>,
}

impl Decoder {
    /// Returns the buffer into which the stream is read.
    pub(super) fn raw(&mut self) -> &mut Vec<u8> {
        &mut self.raw
    }

    /// Calls `take` with the data of each complete event.
    ///
    /// # Errors
    /// With the answer of the server if it is not a stream.
    pub(super) fn events(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), String> {
        if !self.began {
            let Some(head) = find(&self.raw, b"\r\n\r\n") else { return Ok(()) };
            if !self.raw.starts_with(b"HTTP/1.1 200") {
                return Err(String::from_utf8_lossy(&self.raw).into_owned());
            }
            self.raw.drain(..head + 4);
            self.began = true;
        }
        self.unchunk()?;
        while let Some(end) = find(&self.body, b"\n\n") {
            for line in self.body[..end].split(|byte| *byte == b'\n') {
                if let Some(data) = line.strip_prefix(b"data: ").or_else(|| line.strip_prefix(b"data:")) {
                    take(data);
                }
            }
            self.body.drain(..end + 2);
        }
        Ok(())
    }

    /// Moves each complete chunk to the body.
    fn unchunk(&mut self) -> Result<(), String> {
        while let Some(line) = find(&self.raw, b"\r\n") {
            let size = std::str::from_utf8(&self.raw[..line]).ok();
            let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
            let size = size.ok_or("a chunk has no size")?;
            let (begin, end) = (line + 2, line + 2 + size);
            if self.raw.len() < end + 2 {
                return Ok(());
            }
            if size == 0 {
                return Err("the server ended the stream".to_owned());
            }
            self.body.extend_from_slice(&self.raw[begin..end]);
            self.raw.drain(..end + 2);
        }
        Ok(())
    }
}

/// Returns the revision of an event and its time. `None` if the event is not about a license.
pub(super) fn parse_event(data: &[u8]) -> Option<ChangeEvent> {
    let text = std::str::from_utf8(data).ok()?;
    let after = |name: &str| text.find(name).map(|at| &text[at + name.len()..]);
    let digits = after("\"rev\":")?.split(|c: char| !c.is_ascii_digit()).next()?;
    let at = after("\"at\":\"").and_then(|rest| rest.split('"').next()?.parse().ok());
    Some(ChangeEvent { revision: digits.parse().ok()?, at })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_at_every_split_of_the_bytes() {
        let stream = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
            20\r\nevent: license\ndata: {\"rev\":3}\n\n\r\n\
            9\r\ndata: {\"r\r\n\
            2d\r\nev\":4,\"at\":\"2026-11-26T12:00:00.000250Z\"}\n\n:\n\n\r\n";
        for step in [1, 7, stream.len()] {
            let (mut decoder, mut found) = (Decoder::default(), Vec::new());
            for part in stream.chunks(step) {
                decoder.raw().extend_from_slice(part);
                decoder.events(|data| found.extend(parse_event(data))).unwrap();
            }
            let at = Some(Timestamp::from_micros(1_795_694_400_000_250));
            assert_eq!(
                found,
                [ChangeEvent { revision: 3, at: None }, ChangeEvent { revision: 4, at }],
                "{step}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_not_a_stream_is_an_error() {
        let mut decoder = Decoder::default();
        decoder.raw().extend_from_slice(b"HTTP/1.1 401 Unauthorized\r\n\r\n");
        assert!(decoder.events(|_| {}).unwrap_err().contains("401"));
        assert_eq!(parse_event(br#"{"now":"2026-11-26T12:00:00Z"}"#), None);
    }
}
