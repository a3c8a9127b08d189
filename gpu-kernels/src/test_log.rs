//! What is logged, kept for tests.

use std::sync::{Arc, Mutex, Once};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Keeps errors and warnings, and does something at each.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<(Level, String)>>>,
    at_each: fn(),
}

impl Log {
    pub(crate) fn listening(at_each: fn()) -> Self {
        // Whether a line is wanted at all is remembered for the process. It is asked of all who listen, but when there is
        // only one, of the thread that asks, where perhaps nobody listens. So there is always one more.
        static DEAF: Once = Once::new();
        DEAF.call_once(|| {
            let deaf = Self {
                lines: Arc::default(),
                at_each: || (),
            };
            tracing::subscriber::set_global_default(deaf).unwrap();
        });
        Self {
            lines: Arc::default(),
            at_each,
        }
    }

    /// What was logged at a level.
    pub(crate) fn lines(&self, level: Level) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        let at_level = lines.iter().filter(|(of, _)| *of == level);
        at_level.map(|(_, line)| line.clone()).collect()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        (self.at_each)();
        let mut line = Line::default();
        event.record(&mut line);
        let mut lines = self.lines.lock().unwrap();
        lines.push((*event.metadata().level(), line.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The fields of an event in one line.
#[derive(Debug, Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}
