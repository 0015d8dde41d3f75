//! A PostgreSQL of the test's own: a private cluster in a temporary folder, reached by a socket in it.

use std::{
    io::{BufRead, BufReader},
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A running server, or the one that `SYNCLINE_TEST_PG` names.
pub struct Cluster {
    pub url: String,
    /// Ends the server with this value.
    _own: Option<Own>,
}

struct Own {
    server: Child,
    programs: PathBuf,
    account: Option<(u32, u32)>,
    dir: tempfile::TempDir,
}

impl Cluster {
    pub fn start() -> Self {
        if let Ok(url) = std::env::var("SYNCLINE_TEST_PG") {
            return Self { url, _own: None };
        }
        let programs = programs();
        let dir = tempfile::tempdir().unwrap();
        let account = (dir.path().metadata().unwrap().uid() == 0).then(other_account);
        if let Some((user, group)) = account {
            std::os::unix::fs::chown(dir.path(), Some(user), Some(group)).unwrap();
        }
        init(&programs, dir.path(), account);
        let mut server = command(&programs, "postgres", dir.path(), account)
            .args(["-D", "data", "-k"])
            .arg(dir.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", "lc_messages=C", "-c", "logging_collector=off", "-c", "max_connections=60"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(server.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("ready to accept connections") {
            assert!(log.read_line(&mut said).unwrap() > 0, "the server ended:\n{said}");
        }
        // What it says later is of no interest, but must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let url = format!("host={} user=syncline dbname=postgres", dir.path().display());
        Self { url, _own: Some(Own { server, programs, account, dir }) }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let stopped = command(&self.programs, "pg_ctl", self.dir.path(), self.account)
            .args(["stop", "-D", "data", "-m", "immediate", "-w"])
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            drop(self.server.kill());
        }
        drop(self.server.wait());
    }
}

/// The newest server that is installed.
fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    found.sort_by_key(|bin| {
        let version = bin.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        version.and_then(|version| version.parse::<u32>().ok())
    });
    found.reverse();
    found.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let complete =
        |bin: &PathBuf| ["initdb", "postgres", "pg_ctl"].iter().all(|name| bin.join(name).exists());
    found.into_iter().find(complete).unwrap_or_else(|| {
        panic!(
            "no PostgreSQL was found: install its server (initdb, postgres, pg_ctl on the PATH or under \
             /usr/lib/postgresql), or name a database to test on in SYNCLINE_TEST_PG"
        )
    })
}

/// A server refuses to run as root: whom to run it as.
fn other_account() -> (u32, u32) {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let id = |name: &str| {
        let mut fields =
            accounts.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    id("postgres").or_else(|| id("nobody")).expect("an account `postgres` or `nobody` to run the server as")
}

fn command(programs: &Path, name: &str, dir: &Path, account: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(programs.join(name));
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some((user, group)) = account {
        command.uid(user).gid(group);
    }
    command
}

/// Texts sort by a language's rules in this cluster where that can be had, so that a forgotten `COLLATE "C"` shows.
fn init(programs: &Path, dir: &Path, account: Option<(u32, u32)>) {
    let locales: [&[&str]; 2] =
        [&["--locale-provider=icu", "--icu-locale=en", "--locale=C.UTF-8"], &["--locale=C"]];
    for locale in locales {
        let output = command(programs, "initdb", dir, account)
            .args([
                "-D",
                "data",
                "-U",
                "syncline",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
                "--no-instructions",
            ])
            .args(locale)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        if output.status.success() {
            return;
        }
        eprintln!("initdb {}: {}", locale.join(" "), String::from_utf8_lossy(&output.stderr));
        drop(std::fs::remove_dir_all(dir.join("data")));
    }
    panic!("initdb failed");
}
