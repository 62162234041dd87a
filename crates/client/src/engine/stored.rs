use std::ops::Deref;

/// A part of the state on disk, and whether it has changed since it was last written there.
#[derive(Debug, Default)]
pub(super) struct Stored<T> {
    value: T,
    changed: bool,
}

impl<T> Stored<T> {
    pub(super) fn new(value: T) -> Self {
        Self { value, changed: false }
    }

    /// Gives the value to be changed: it has to be written again.
    pub(super) fn edit(&mut self) -> &mut T {
        self.changed = true;
        &mut self.value
    }

    /// Gives the parts of the value that are not written to disk.
    pub(super) fn edit_unwritten(&mut self) -> &mut T {
        &mut self.value
    }

    pub(super) fn is_changed(&self) -> bool {
        self.changed
    }

    pub(super) fn written(&mut self) {
        self.changed = false;
    }
}

impl<T> Deref for Stored<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
