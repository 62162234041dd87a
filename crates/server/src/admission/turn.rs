use crate::{
    App,
    problem::{Rejected, Result},
    route::CallClass,
};

use super::Turn;

impl App {
    /// Waits for a turn of this class; it lasts until it is dropped.
    pub(crate) async fn turn(&self, class: CallClass) -> Result<Turn> {
        let gate = self.admission.gate(class);
        let turn = gate.enter().await;
        let mut load = gate.load();
        // Read while it is held: a second that came here late would pass for a clock that was set back.
        let second = self.now().seconds();
        match turn {
            Some(_) => load.served.count(second),
            None => load.shed.count(second),
        }
        if class == CallClass::Heartbeats {
            let pressure = load.pressure(second, self.admission.max_heartbeats);
            self.metrics.stretch.set(self.authority.stretch_heartbeats(pressure));
        }
        turn.ok_or_else(|| {
            gate.sent_away.inc();
            Rejected::overloaded().retry_within(1, load.spread(second))
        })
    }
}
