//! A gate before a service: refuses, holds or passes what comes.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to a connection.
#[derive(Clone, Debug)]
enum Way {
    Refuse,
    Hold,
    Pass(String),
}

/// A listener that stands for a service and misbehaves as it is told.
pub struct Gate {
    address: SocketAddr,
    way: watch::Sender<Way>,
    arrivals: watch::Receiver<usize>,
    accepting: JoinHandle<()>,
}

impl Gate {
    /// A gate that closes every connection at once.
    pub async fn refusing() -> Self {
        Self::new(Way::Refuse).await
    }

    /// A gate that accepts and never answers.
    pub async fn holding() -> Self {
        Self::new(Way::Hold).await
    }

    async fn new(first: Way) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (way, ways) = watch::channel(first);
        let (arrived, arrivals) = watch::channel(0);
        let accepting = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut client, _)) = listener.accept().await {
                arrived.send_modify(|count| *count += 1);
                match ways.borrow().clone() {
                    Way::Refuse => drop(client),
                    Way::Hold => held.push(client),
                    Way::Pass(target) => {
                        let mut ways = ways.clone();
                        drop(tokio::spawn(async move {
                            let mut server = TcpStream::connect(target).await.expect("the service");
                            tokio::select! {
                                _ = copy_bidirectional(&mut client, &mut server) => {}
                                _ = ways.wait_for(|way| matches!(way, Way::Refuse)) => {}
                            }
                        }));
                    }
                }
            }
        });
        Self {
            address,
            way,
            arrivals,
            accepting,
        }
    }

    /// The port to send the application to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on connections are passed on; to nowhere means that all are closed, those that were passed on too.
    pub fn pass_to(&self, address: impl Into<Option<String>>) {
        let way = address.into().map_or(Way::Refuse, Way::Pass);
        self.way.send_replace(way);
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        *self.arrivals.borrow()
    }

    /// Waits for the first connection.
    pub async fn first_connection(&mut self) {
        self.arrivals
            .wait_for(|count| *count > 0)
            .await
            .expect("an open gate");
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
