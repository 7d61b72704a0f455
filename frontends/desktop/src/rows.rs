//! Models that tell the drawing only what has changed.

use std::rc::Rc;

use slint::{Model, ModelRc, VecModel};

/// Rows of one list.
pub struct Rows<T>(Rc<VecModel<T>>);

impl<T> Default for Rows<T>
where
    T: Clone + 'static,
{
    fn default() -> Self {
        Self(Rc::new(VecModel::default()))
    }
}

impl<T: Clone + PartialEq + 'static> Rows<T> {
    /// What the drawing is given, once.
    pub fn model(&self) -> ModelRc<T> {
        ModelRc::from(Rc::clone(&self.0))
    }

    /// Makes the rows these.
    pub fn set(&self, rows: Vec<T>) {
        let wanted = rows.len();
        for (index, row) in rows.into_iter().enumerate() {
            match self.0.row_data(index) {
                Some(old) if old == row => {}
                Some(_) => self.0.set_row_data(index, row),
                None => self.0.push(row),
            }
        }
        while self.0.row_count() > wanted {
            self.0.remove(self.0.row_count() - 1);
        }
    }

    /// Puts one row there, as it is.
    pub fn put(&self, index: usize, row: T) {
        if index < self.0.row_count() {
            self.0.set_row_data(index, row);
        }
    }

    /// The rows as they are.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.row_count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_what_they_are_set_to() {
        let rows = Rows::<i32>::default();
        for wanted in [vec![1, 2, 3], vec![1, 5], vec![], vec![7, 8, 9, 10]] {
            rows.set(wanted.clone());
            assert_eq!(rows.model().iter().collect::<Vec<_>>(), wanted);
        }
        rows.put(1, 80);
        rows.put(9, 90);
        assert_eq!(rows.model().iter().collect::<Vec<_>>(), [7, 80, 9, 10]);
    }
}
