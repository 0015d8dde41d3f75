//! `syncline sandbox VENDOR`: a vendor's API on this machine.

use crate::{
    failure::{Exit, Failure},
    registry,
};
use jiff::Timestamp;
use std::{fs, io, io::Write, net::SocketAddr, path::Path, path::PathBuf};
use syncline_kit::sandbox::{Limits, Sandbox, seed::SeedFiles};
use syncline_model::error::Code;
use syncline_server::sandbox_server::{SandboxServer, ServeError, TlsChoice, serve_sandbox};
use tempfile::NamedTempFile;
use tokio::signal::unix::{SignalKind, signal};

/// Serve a vendor's API from this machine
///
/// Prints one line of JSON when ready (`vendor`, `url`, `credentials`; with --tls also `ca`, the file of the certificate
/// authority to trust) and runs until interrupted.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The vendor
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(registry::names()))]
    vendor: String,
    /// Loopback address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Load every CSV file of this directory first, each named after an object
    #[arg(long, value_name = "DIR")]
    seed: Option<PathBuf>,
    /// Whether the vendor's rate limits are enforced
    #[arg(long, value_enum, default_value_t = LimitsChoice::Real)]
    limits: LimitsChoice,
    /// Speak HTTPS on the same port
    #[arg(long)]
    tls: bool,
    /// The number that generated ids and tokens start from
    #[arg(long, value_name = "N", default_value_t = 1)]
    random: u64,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum LimitsChoice {
    /// As the vendor does
    Real,
    /// Not at all
    Off,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let Some(vendor) = registry::vendor(&args.vendor) else {
        return Err(Failure::new(Exit::Usage, Code(101), format!("no vendor is called {}", args.vendor)));
    };
    let limits = match args.limits {
        LimitsChoice::Real => Limits::Real,
        LimitsChoice::Off => Limits::Off,
    };
    let mut sandbox = (vendor.sandbox)(limits, args.random);
    if let Some(directory) = &args.seed {
        load(sandbox.as_mut(), directory)?;
    }
    let tls = if args.tls { TlsChoice::SelfSigned } else { TlsChoice::Off };
    let runtime = tokio::runtime::Runtime::new().map_err(|error| no_system_resource(&error))?;
    runtime.block_on(serve(sandbox, args.listen, tls))
}

async fn serve(sandbox: Box<dyn Sandbox>, listen: SocketAddr, tls: TlsChoice) -> Result<(), Failure> {
    // Before the line is printed: whoever reads it may stop us at once.
    let mut interrupted = signal(SignalKind::interrupt()).map_err(|error| no_system_resource(&error))?;
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| no_system_resource(&error))?;

    let server = serve_sandbox(sandbox, listen, tls).await.map_err(cannot_serve)?;
    // Removed when this function ends.
    let authority =
        server.ca_pem().map(authority_file).transpose().map_err(|error| no_system_resource(&error))?;
    let line = ready_line(&server, authority.as_ref().map(NamedTempFile::path));
    let mut out = io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;

    tokio::select! {
        biased;
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    server.stop().await;
    Ok(())
}

fn ready_line(server: &SandboxServer, authority: Option<&Path>) -> serde_json::Value {
    let mut line = serde_json::json!({
        "vendor": server.vendor(),
        "url": server.url(),
        "credentials": server.credentials(),
    });
    if let Some(path) = authority {
        line["ca"] = path.to_string_lossy().into();
    }
    line
}

fn authority_file(pem: &str) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("syncline-sandbox-").suffix(".pem").tempfile()?;
    file.write_all(pem.as_bytes())?;
    file.flush()?;
    Ok(file)
}

fn load(sandbox: &mut dyn Sandbox, directory: &Path) -> Result<(), Failure> {
    let files = read_csv_files(directory).map_err(|error| {
        Failure::new(Exit::Usage, Code(102), "the seed directory cannot be read")
            .at(directory.display())
            .because(error)
    })?;
    if files.names().next().is_none() {
        return Err(Failure::new(Exit::Usage, Code(103), "the seed directory holds no CSV file")
            .at(directory.display())
            .fix("name a directory with files such as Account.csv or contacts.csv"));
    }
    let loaded = sandbox.seed(&files, Timestamp::now()).map_err(|refused| {
        Failure::new(Exit::Usage, Code(104), "a seed row is refused")
            .at(format!("{}/{}.csv line {}", directory.display(), refused.file, refused.line))
            .because(refused.message)
            .fix("correct that row or take it out; nothing is served from a half-loaded seed")
    })?;
    for (object, rows) in &loaded.rows {
        tracing::info!(object, rows, "loaded");
    }
    Ok(())
}

fn read_csv_files(directory: &Path) -> io::Result<SeedFiles> {
    let mut files = SeedFiles::default();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "csv")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(files)
}

fn cannot_serve(error: ServeError) -> Failure {
    match error {
        ServeError::NotLoopback(address) => {
            Failure::new(Exit::Usage, Code(105), "a sandbox is served to this machine only")
                .at(address)
                .fix("listen on 127.0.0.1")
        }
        ServeError::Listen { address, source } => Failure::cannot_listen(address, source),
        ServeError::Certificate(cause) => {
            Failure::new(Exit::Error, Code(107), "no certificate could be made").because(cause)
        }
    }
}

fn no_system_resource(error: &io::Error) -> Failure {
    Failure::no_system_resource(error)
}
