//! Somebody who follows their feed: looks for what is new, and writes it as Server-Sent Events.
//!
//! What is new is looked for once a second in what every process sees, behind what was shown: so it makes no difference which
//! process wrote it, and nothing that was to wake somebody can be missed.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::web::Bytes;
use futures_util::stream::{Stream, unfold};
use tokio::time::sleep;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::feed::position::Position;
use crate::feed::reader::Feed;
use crate::feed::streams::Seat;
use crate::flow::trace;
use crate::web::access::{Access, SignedIn};
use crate::web::cause;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is asked whether they are still signed in.
const ASKS: Duration = Duration::from_secs(5);
/// How long nothing is said; shorter than what is between here and there waits.
const SILENCE: Duration = Duration::from_secs(15);

/// Somebody who listens.
pub struct Listener {
    feed: Feed,
    account: Uuid,
    position: Position,
    request: HttpRequest,
    /// A stream is written when its request's handler has long returned.
    lines: Span,
    seat: Seat,
    begun: bool,
    asked_at: Instant,
    spoke_at: Instant,
}

impl Listener {
    /// Somebody who was let in by this request, and has a place.
    pub fn new(
        feed: Feed,
        account: Uuid,
        position: Position,
        request: HttpRequest,
        seat: Seat,
    ) -> Self {
        let now = Instant::now();
        Self {
            lines: trace::lines_of(&cause::of(&request)),
            feed,
            account,
            position,
            request,
            seat,
            begun: false,
            asked_at: now,
            spoke_at: now,
        }
    }

    /// What they are told, until they have to go.
    pub fn frames(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        unfold(self, |mut listener| async move {
            let lines = listener.lines.clone();
            let text = listener.next().instrument(lines).await?;
            listener.spoke_at = Instant::now();
            Some((Ok(Bytes::from(text)), listener))
        })
    }

    /// The next thing to say; nothing more, when the stream ends. Who comes back then goes on where it ended.
    async fn next(&mut self) -> Option<String> {
        if !self.begun {
            self.begun = true;
            // The place counts from now on, whether something comes before they have to come back or not.
            return Some(format!("retry: 2000\nid: {}\n\n", self.position));
        }
        loop {
            if self.asked_at.elapsed() >= ASKS {
                if !self.is_still_signed_in().await {
                    return None;
                }
                self.asked_at = Instant::now();
            }
            let news = self.news().await?;
            if !news.is_empty() {
                return Some(news);
            }
            if self.spoke_at.elapsed() >= SILENCE {
                return Some(":\n\n".to_owned());
            }
            tokio::select! {
                () = self.seat.ended() => return None,
                () = sleep(PAUSE) => {}
            }
        }
    }

    async fn news(&mut self) -> Option<String> {
        let items = match self.feed.since(self.account, self.position.from()).await {
            Ok(items) => items,
            Err(error) => {
                tracing::warn!(error = %error, "a feed cannot be read: its stream ends");
                return None;
            }
        };
        let mut frames = String::new();
        for item in items {
            if self.position.is_new(item.id) {
                let data = serde_json::to_string(&item).ok()?;
                frames += &format!("id: {}\ndata: {data}\n\n", self.position);
            }
        }
        Some(frames)
    }

    async fn is_still_signed_in(&self) -> bool {
        match Access::<SignedIn>::again(&self.request).await {
            Ok(account) => account == Some(self.account),
            Err(problem) => {
                tracing::warn!(error = %problem, "a stream ends: who follows it cannot be asked for");
                false
            }
        }
    }
}
