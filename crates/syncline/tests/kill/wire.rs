//! A proxy before each sandbox, through which all calls of the binary go: it can stop the world at any request.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

/// How long a vendor may take to answer: longer than any client waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where in the life of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The client has sent it whole; the vendor does not know of it.
    Arrived,
    /// The vendor has carried it out; the client does not know.
    Done,
    /// The client has the answer.
    Told,
}

/// What becomes of a request that was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Deliver,
    Drop,
}

#[derive(Default)]
struct State {
    seen: u64,
    stop: Option<(u64, Phase)>,
    reached: bool,
    verdict: Option<Verdict>,
    /// The present arming: who was held under an earlier one is not counted any more.
    arming: u64,
    lines: Vec<String>,
}

/// What both proxies share: requests are counted in the order of their arrival.
#[derive(Default)]
pub struct Wire {
    state: Mutex<State>,
    turned: Condvar,
}

impl Wire {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Counts from one again, and stops at this moment if one is given. Requests that are held are let go first.
    pub fn arm(&self, stop: Option<(u64, Phase)>) {
        let mut state = self.state();
        let arming = state.arming + 1;
        *state = State { stop, arming, ..State::default() };
        self.turned.notify_all();
    }

    /// Stops at so many requests after those that were seen until now.
    pub fn stop_after(&self, count: u64, phase: Phase) {
        let mut state = self.state();
        state.stop = Some((state.seen + count, phase));
    }

    /// Waits a moment for the stop; whether it is reached.
    pub fn is_reached(&self) -> bool {
        let state = self.state();
        if state.reached {
            return true;
        }
        self.turned.wait_timeout(state, Duration::from_millis(1)).unwrap().0.reached
    }

    /// The request that is held goes on, or is lost.
    pub fn let_go(&self, verdict: Verdict) {
        self.state().verdict = Some(verdict);
        self.turned.notify_all();
    }

    /// Requests since the last arming: method and path.
    pub fn lines(&self) -> Vec<String> {
        self.state().lines.clone()
    }

    fn arrives(&self, line: &str) -> (u64, u64, Verdict) {
        let mut state = self.state();
        state.seen += 1;
        state.lines.push(line.to_owned());
        let (number, arming) = (state.seen, state.arming);
        drop(state);
        (number, arming, self.passes(number, arming, Phase::Arrived))
    }

    /// Holds the request if this is the moment.
    fn passes(&self, number: u64, arming: u64, phase: Phase) -> Verdict {
        let mut state = self.state();
        if state.arming != arming || state.stop != Some((number, phase)) {
            return Verdict::Deliver;
        }
        state.reached = true;
        self.turned.notify_all();
        if phase == Phase::Told {
            return Verdict::Deliver;
        }
        while state.arming == arming && state.verdict.is_none() {
            state = self.turned.wait(state).unwrap();
        }
        state.verdict.unwrap_or(Verdict::Drop)
    }
}

/// One proxy; it runs as long as the test does.
pub struct Proxy {
    /// `127.0.0.1:port`.
    pub address: String,
}

impl Proxy {
    pub fn before(target: &str, wire: &Arc<Wire>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (own, target, wire) = (address.clone(), target.to_owned(), wire.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                let (own, target, wire) = (own.clone(), target.clone(), wire.clone());
                let Ok(client) = client else { continue };
                thread::spawn(move || serve(client, &own, &target, &wire));
            }
        });
        Self { address }
    }
}

/// Requests of one connection, one after the other; it ends with the first that fails.
fn serve(mut client: TcpStream, own: &str, target: &str, wire: &Wire) {
    client.set_nodelay(true).unwrap();
    while exchange(&mut client, own, target, wire).is_some() {}
    let _gone_already = client.shutdown(Shutdown::Both);
}

fn exchange(client: &mut TcpStream, own: &str, target: &str, wire: &Wire) -> Option<()> {
    let (head, body) = request(client)?;
    let line = head.lines().next()?.rsplit_once(' ')?.0.to_owned();
    let (number, arming, verdict) = wire.arrives(&line);
    if verdict == Verdict::Drop {
        return None;
    }
    let mut vendor = TcpStream::connect(target).ok()?;
    vendor.set_nodelay(true).ok()?;
    vendor.set_read_timeout(Some(PATIENCE)).ok()?;
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1).replace(own, target);
    vendor.write_all(&[head.as_bytes(), &body].concat()).ok()?;
    let mut answer = Vec::new();
    let _reset_is_an_end_too = vendor.read_to_end(&mut answer);
    if wire.passes(number, arming, Phase::Done) == Verdict::Drop {
        return None;
    }
    let whole = rewritten(&answer, own, target);
    client.write_all(whole.as_ref().unwrap_or(&answer)).ok()?;
    wire.passes(number, arming, Phase::Told);
    whole.map(drop)
}

/// One request, whole.
fn request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let mut chunk = [0; 16 << 10];
    loop {
        if let Some(end) = find(&read, b"\r\n\r\n") {
            let head = String::from_utf8(read[..end + 4].to_vec()).ok()?;
            let length = content_length(&head).unwrap_or(0);
            let mut body = read.split_off(end + 4);
            while body.len() < length {
                let count = client.read(&mut chunk).ok().filter(|count| *count > 0)?;
                body.extend_from_slice(&chunk[..count]);
            }
            return Some((head, body));
        }
        let count = client.read(&mut chunk).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&chunk[..count]);
    }
}

/// The answer with our address for the vendor's own; `None`: it is not whole, and is passed on as it came.
fn rewritten(answer: &[u8], own: &str, target: &str) -> Option<Vec<u8>> {
    let end = find(answer, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let body = &answer[end..];
    if content_length(head).unwrap_or(0) != body.len() || head.to_lowercase().contains("transfer-encoding") {
        return None;
    }
    let body = match std::str::from_utf8(body) {
        Ok(text) => text.replace(target, own).into_bytes(),
        Err(_) => body.to_vec(),
    };
    let kept = head.trim_end().lines().filter(|line| {
        let name = line.to_lowercase();
        !name.starts_with("content-length:") && !name.starts_with("connection:")
    });
    let mut whole: String = kept.map(|line| format!("{}\r\n", line.replace(target, own))).collect();
    whole.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    Some([whole.into_bytes(), body].concat())
}

fn content_length(head: &str) -> Option<usize> {
    let line = head.lines().find(|line| line.to_lowercase().starts_with("content-length:"))?;
    line.split_once(':')?.1.trim().parse().ok()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
