//! `cargo xtask api-check`: Schemathesis makes requests from the description of the API and looks whether the answers are
//! those that are described, and none of them a failure of the server.
//!
//! Twice, each time of a new server with the sample event: as a coordinator's device at the public listener, about the
//! event and a device that exist; and as the operator at the operator's listener, about whatever comes to mind. The number
//! of requests and the seed are fixed, so that a failure comes again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use crate::error::Error;
use crate::setup;
use crate::workspace::{Profile, Workspace, run as run_program};

/// What is looked at in every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,\
     response_headers_conformance,documented_failure";

/// A method that is not described is refused as such, where everything that is described is there.
const CHECKS_OF_ALL: &str = ",unsupported_method,allow_header_conformance";

/// Not asked for: a backup would be written wherever the description's example says, and sync is no HTTP.
const LEFT_OUT: [&str; 2] = ["back_up", "sync"];

/// The program that starts a server to be asked.
const STAGE: &str = "muster-api-stage";

/// How many requests.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Made requests for each route
    #[arg(long, value_name = "N", default_value_t = 20)]
    examples: u32,
    /// What they are made from
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u32,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
enum Caller {
    Coordinator,
    Operator,
}

/// Builds what is needed and makes the requests.
///
/// # Errors
/// If something cannot be built or installed, or an answer is not as described.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Error> {
    setup::run_for_tests()?;
    let workspace = Workspace::find()?;
    workspace.build(Profile::Dev, [("muster-server", "muster"), ("muster-tests", STAGE)])?;
    ask(&workspace, args).map(|()| ExitCode::SUCCESS)
}

/// The step of `cargo xtask test`, with the binaries that it has built.
///
/// # Errors
/// As [`run`].
pub(crate) fn check(workspace: &Workspace) -> Result<(), Error> {
    ask(workspace, &Args { examples: 20, seed: 1 })
}

fn ask(workspace: &Workspace, args: &Args) -> Result<(), Error> {
    let folder = workspace.target().join("api-check");
    let program = install(workspace, &folder)?;
    for caller in [Caller::Coordinator, Caller::Operator] {
        println!("as {caller:?}");
        let mut stage = Stage::start(workspace)?;
        let asked =
            requests(workspace, &folder, &program, (caller, &stage), args).and_then(|mut it| run_program(&mut it));
        stage.end()?;
        asked?;
    }
    Ok(())
}

/// Schemathesis in an environment of its own, installed when what it needs has changed.
fn install(workspace: &Workspace, folder: &Path) -> Result<PathBuf, Error> {
    let wanted = workspace.path("tests/api/requirements.txt");
    let (environment, installed) = (folder.join("venv"), folder.join("venv/installed.txt"));
    let scripts = environment.join(if cfg!(windows) { "Scripts" } else { "bin" });
    let same = |text: &Vec<u8>| fs::read(&installed).is_ok_and(|installed| installed == *text);
    let text = fs::read(&wanted).map_err(|source| Error::File { path: wanted.clone(), source })?;
    if !same(&text) {
        run_program(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let mut pip = Command::new(scripts.join("python"));
        run_program(pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--requirement"]).arg(&wanted))?;
        fs::write(&installed, text).map_err(|source| Error::File { path: installed, source })?;
    }
    Ok(scripts.join("schemathesis"))
}

/// The requests of a caller.
fn requests(
    workspace: &Workspace,
    folder: &Path,
    program: &Path,
    (caller, stage): (Caller, &Stage),
    args: &Args,
) -> Result<Command, Error> {
    let config = folder.join("schemathesis.toml");
    let (url, token, checks, parameters) = match caller {
        Caller::Coordinator => {
            let ids = [("event_id", stage.place("event_id")?), ("device_id", stage.place("device_id")?)];
            let ids = ids.map(|(name, id)| format!("\"path.{name}\" = \"{id}\"\n")).concat();
            (stage.place("public_url")?, stage.place("coordinator")?, String::new(), format!("[parameters]\n{ids}"))
        }
        Caller::Operator => {
            (stage.place("admin_url")?, stage.place("operator")?, CHECKS_OF_ALL.to_owned(), String::new())
        }
    };
    // In the file, so that no token stands in what is shown of a command that fails.
    let text = format!("headers = {{ Authorization = \"Bearer {token}\" }}\n{parameters}");
    fs::write(&config, text).map_err(|source| Error::File { path: config.clone(), source })?;
    let mut command = Command::new(program);
    command.arg("--config-file").arg(&config).arg("run").arg(format!("{url}/api/v1/openapi.json"));
    command.arg(format!("--checks={CHECKS}{checks}")).arg("--phases=examples,coverage,fuzzing");
    command.args([format!("--max-examples={}", args.examples), format!("--seed={}", args.seed)]);
    command.args(["--workers=1", "--continue-on-failure", "--request-timeout=30", "--warnings=off", "--no-color"]);
    command.args(LEFT_OUT.map(|operation| format!("--exclude-operation-id={operation}")));
    // What was found last time is not to be found for that reason.
    command.arg("--generation-database=none").current_dir(folder);
    command.env("SCHEMATHESIS_HOOKS", workspace.path("tests/api/hooks.py"));
    Ok(command)
}

/// A running server, with the places and tokens that it told.
struct Stage {
    process: Child,
    places: Vec<(String, String)>,
}

impl Stage {
    fn start(workspace: &Workspace) -> Result<Self, Error> {
        let built = |name: &str| workspace.built(Profile::Dev, &format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let mut command = Command::new(built(STAGE));
        command.arg("--server").arg(built("muster"));
        command.arg("--schedule").arg(workspace.path("samples/conference.xml"));
        command.arg("--attendees").arg(workspace.path("samples/attendees.csv"));
        // Guessing codes is what is tried here.
        command.env("MUSTER_AUTH_ENROL_ATTEMPTS", "1000000").stdin(Stdio::piped()).stdout(Stdio::piped());
        let failed = |source| Error::Start { command: STAGE.to_owned(), source };
        let mut process = command.spawn().map_err(failed)?;
        let mut places = Vec::new();
        if let Some(output) = process.stdout.take() {
            for line in BufReader::new(output).lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
                places.extend(line.split_once(' ').map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
        }
        Ok(Self { process, places })
    }

    fn place(&self, name: &'static str) -> Result<&str, Error> {
        let found = self.places.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.ok_or(Error::Stage(name))
    }

    /// Lets it end: its input does.
    fn end(&mut self) -> Result<(), Error> {
        drop(self.process.stdin.take());
        let ended = self.process.wait();
        ended.map(drop).map_err(|source| Error::Start { command: STAGE.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_described_and_the_hooks_find_the_codes() {
        let workspace = Workspace::find().unwrap();
        let folder = workspace.path("server/src/tests/snapshots");
        let described = fs::read_to_string(folder.join("muster_server__tests__openapi__openapi.snap")).unwrap();
        for operation in LEFT_OUT {
            assert!(described.contains(&format!("\"operationId\": \"{operation}\"")), "{operation}");
        }
        let hooks = fs::read_to_string(workspace.path("tests/api/hooks.py")).unwrap();
        assert!(hooks.contains("def documented_failure(") && CHECKS.ends_with(",documented_failure"));
        let table = fs::read_to_string(workspace.path("docs/API.md")).unwrap();
        assert!(table.lines().any(|line| line.starts_with("| `not_found` | 404 |")), "the hooks read such lines");
    }
}
