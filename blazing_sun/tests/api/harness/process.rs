//! The binary as a process of its own.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::World;
use crate::support::soon;

/// What a finished command left.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// A running `blazing_sun run`; killed when it is dropped.
pub struct Process {
    child: Child,
    lines: UnboundedReceiver<String>,
    _directory: TempDir,
}

impl Process {
    /// Runs a command to its end; its words are separated by spaces.
    pub async fn finish(world: &World, command: &str) -> Finished {
        Self::finish_given(world, command, "").await
    }

    /// The same, with something on its standard input.
    pub async fn finish_given(world: &World, command: &str, input: &str) -> Finished {
        let directory = TempDir::new().expect("a folder");
        let mut child = prepare(world, &directory, command)
            .stdin(Stdio::piped())
            .spawn()
            .expect("the binary");
        let mut given = child.stdin.take().expect("standard input");
        // Who does not read it may be gone by now.
        drop(given.write_all(input.as_bytes()).await);
        drop(given);
        let output = child.wait_with_output().await.expect("an end");
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    }

    /// Starts what serves HTTP, in a folder without `.env`.
    pub fn run(world: &World) -> Self {
        Self::only(world, "http")
    }

    /// Starts some parts of the application.
    pub fn only(world: &World, roles: &str) -> Self {
        let directory = TempDir::new().expect("a folder");
        let mut child = prepare(world, &directory, &format!("run --only {roles}"))
            .spawn()
            .expect("the binary");
        let lines = read(child.stdout.take().expect("standard output"));
        // A process whose output nobody reads stops when the pipe is full.
        read(child.stderr.take().expect("standard error"));
        Self {
            child,
            lines,
            _directory: directory,
        }
    }

    /// Reads the log until a line with this message.
    pub async fn logged(&mut self, message: &str) -> Value {
        loop {
            let line = soon(message, self.lines.recv())
                .await
                .expect("the message before the end of the log");
            let line: Value = serde_json::from_str(&line).expect("a line of JSON");
            if line["message"] == message {
                return line;
            }
        }
    }

    /// Reads the log, whatever its form, until a line with this text.
    pub async fn line_with(&mut self, text: &str) -> String {
        loop {
            let line = soon(text, self.lines.recv())
                .await
                .expect("the text before the end of the log");
            if line.contains(text) {
                return line;
            }
        }
    }

    /// What it has logged since somebody read it last.
    pub fn logged_so_far(&mut self) -> Vec<Value> {
        let mut lines = Vec::new();
        while let Ok(line) = self.lines.try_recv() {
            lines.push(serde_json::from_str(&line).expect("a line of JSON"));
        }
        lines
    }

    /// What it logs until it ends, a line each, behind what somebody has read.
    pub async fn all_lines(mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = soon("the end of the log", self.lines.recv()).await {
            lines.push(line);
        }
        lines
    }

    /// Waits until it listens.
    pub async fn listening(&mut self) -> SocketAddr {
        let line = self.logged("listening").await;
        line["http.address"]
            .as_str()
            .expect("an address")
            .parse()
            .expect("an address")
    }

    /// Sends a signal, such as `TERM`.
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("a running process");
        // The shell's own: not every system has a program of that name.
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {id}")])
            .status()
            .await
            .expect("kill");
        assert!(sent.success());
    }

    /// Waits for the end.
    pub async fn ended(mut self) -> ExitStatus {
        self.child.wait().await.expect("an end")
    }
}

/// Reads lines as they come, whether anybody waits for them or not.
fn read(output: impl AsyncRead + Unpin + Send + 'static) -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            // The test may have dropped the process.
            drop(sender.send(line));
        }
    });
    receiver
}

fn prepare(world: &World, directory: &TempDir, command: &str) -> Command {
    let mut prepared = Command::new(env!("CARGO_BIN_EXE_blazing_sun"));
    prepared
        .args(command.split(' '))
        .env_clear()
        .envs(world.variables())
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    prepared
}
