//! Server-Sent Events, as far as an authority sends them: bytes in, the data of whole events out. Both are bounded.

/// The longest line, and the most data of one event, in bytes.
const LONGEST: usize = 64 * 1024;

/// The part of an event that has come, until it is whole.
#[derive(Debug, Default)]
pub(crate) struct EventStream {
    line: Vec<u8>,
    data: Option<Vec<u8>>,
    /// A line has ended with CR, so that LF right after it ends no other one.
    after_cr: bool,
}

/// A line, or an event, that is longer than any of an authority.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl EventStream {
    /// Takes what has come, and gives the data of each event that is whole with it, in order.
    ///
    /// # Errors
    /// If something in it is too long; nothing more is to be read then.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut whole = Vec::new();
        for byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, *byte == b'\r');
            match byte {
                b'\n' if after_cr => {}
                b'\n' | b'\r' => whole.extend(self.line_ended()?),
                _ if self.line.len() == LONGEST => return Err(TooLong),
                byte => self.line.push(*byte),
            }
        }
        Ok(whole)
    }

    /// Acts on a line. Names of events are not looked at: what one says shows in its data.
    fn line_ended(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return Ok(self.data.take());
        }
        let Some(value) = line.strip_prefix(b"data") else { return Ok(None) };
        let value = match value {
            [] => value,
            [b':', b' ', rest @ ..] | [b':', rest @ ..] => rest,
            // A field with a longer name.
            _ => return Ok(None),
        };
        match &mut self.data {
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            None => self.data = Some(value.to_vec()),
        }
        let long = self.data.as_ref().is_some_and(|data| data.len() > LONGEST);
        if long { Err(TooLong) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::vectors::of_rule;

    const TEXT: &str = ": a comment\r\nevent: license\r\nid: 7\r\ndata: {\"rev\":1}\r\n\r\nevent: ping\ndata:one\ndata\n\
                        data: two\ndatabase: no\n\n\nretry: 5\n\ndata: unfinished\n";

    fn events(parts: impl Iterator<Item = Vec<u8>>) -> Vec<String> {
        let mut stream = EventStream::default();
        let whole = parts.flat_map(|part| stream.take(&part).unwrap()).collect::<Vec<_>>();
        whole.into_iter().map(|data| String::from_utf8(data).unwrap()).collect()
    }

    #[test]
    fn whole_events_come_out_however_they_are_cut() {
        let expected = ["{\"rev\":1}", "one\n\ntwo"];
        for size in 1..TEXT.len() {
            assert_eq!(
                events(TEXT.as_bytes().chunks(size).map(<[u8]>::to_vec)),
                expected,
                "{size} at a time"
            );
        }
        let by_cr = TEXT.replace("\r\n", "\n").replace('\n', "\r");
        assert_eq!(events(std::iter::once(by_cr.into_bytes())), expected);
    }

    #[test]
    fn it_reads_streams_as_the_vectors_say() {
        for case in of_rule("E7") {
            let mut stream = EventStream::default();
            let pieces = case["sent"].as_array().unwrap().iter();
            let pieces = pieces.map(|piece| {
                let times = usize::try_from(piece[1].as_u64().unwrap()).unwrap();
                piece[0].as_str().unwrap().repeat(times)
            });
            let taken: Result<Vec<_>, _> = pieces.map(|piece| stream.take(piece.as_bytes())).collect();
            assert_eq!(taken.is_err(), case["ends"].as_bool().unwrap(), "{case}");
            let events = taken.unwrap_or_default().concat();
            let events: Vec<_> = events.into_iter().map(|data| String::from_utf8(data).unwrap()).collect();
            assert_eq!(json!(events), case["events"], "{case}");
        }
    }

    #[test]
    fn an_endless_line_is_not_kept() {
        let mut stream = EventStream::default();
        let line = vec![b'x'; LONGEST];
        assert_eq!(stream.take(&line), Ok(Vec::new()));
        assert_eq!(stream.take(b"x"), Err(TooLong));
        let mut stream = EventStream::default();
        let line = [b"data:".as_slice(), &[b'x'; LONGEST / 2], b"\n"].concat();
        assert_eq!(stream.take(&line), Ok(Vec::new()));
        assert_eq!(stream.take(&line), Err(TooLong));
    }
}
