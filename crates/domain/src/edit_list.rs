use std::collections::BTreeSet;

/// A change of a list of which each value is there once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditList<T> {
    /// All of it, in place of what is there.
    All(Vec<T>),
    /// Values to add and to remove. The others stay, also those that somebody else adds at the same moment.
    Change { add: Vec<T>, remove: Vec<T> },
}

impl<T: Ord + Clone> EditList<T> {
    /// The list after the change.
    pub fn of(&self, present: &BTreeSet<T>) -> BTreeSet<T> {
        match self {
            Self::All(values) => values.iter().cloned().collect(),
            Self::Change { add, remove } => {
                let kept = present.iter().filter(|value| !remove.contains(value));
                kept.chain(add).cloned().collect()
            }
        }
    }
}

impl<T, I: IntoIterator<Item = T>> From<I> for EditList<T> {
    fn from(values: I) -> Self {
        Self::All(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let present = BTreeSet::from(["a", "b", "c"]);
        let change = EditList::Change { add: vec!["d", "a"], remove: vec!["b", "nothing"] };
        assert_eq!(change.of(&present), BTreeSet::from(["a", "c", "d"]));
        assert_eq!(EditList::from(["x"]).of(&present), BTreeSet::from(["x"]));
    }
}
