// SPDX-License-Identifier: Apache-2.0
//! Columns as Docker prints them: as wide as the widest cell and three spaces, ten at least, the last
//! one as it comes.

use crate::output::visible;

/// A heading for each column, then rows with as many cells.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Without rows yet.
    pub(crate) fn new<const COLUMNS: usize>(headings: [&str; COLUMNS]) -> Self {
        Self { rows: vec![headings.map(str::to_owned).to_vec()] }
    }

    /// Of lines with tabs between their cells, the first with the headings.
    pub(crate) fn of_lines(text: &str) -> Self {
        let cells = |line: &str| line.split('\t').map(visible).collect();
        Self { rows: text.lines().map(cells).collect() }
    }

    /// Adds a row; control characters in a cell are written out, so that a row stays a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| visible(&cell)).collect());
    }

    /// The lines.
    pub(crate) fn render(&self) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                text.push_str(cell);
                if column + 1 < row.len() {
                    text.extend(std::iter::repeat_n(' ', widths[column] - cell.chars().count()));
                }
            }
            text.push('\n');
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        (0..columns).map(|column| (widest(column).unwrap_or(0) + GAP).max(NARROWEST)).collect()
    }
}

const GAP: usize = 3;
const NARROWEST: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// The very bytes of `docker images` 28.2 for the same rows.
    #[test]
    fn as_docker_lays_it_out() {
        let mut table = Table::new(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]);
        for row in [
            ["busybox", "latest", "abababababab", "2 weeks ago", "4.26MB"],
            ["foo/bar", "1", "abababababab", "2 weeks ago", "4.26MB"],
            ["<none>", "<none>", "efefefefefef", "30 seconds ago", "1GB"],
        ] {
            table.row(row.map(str::to_owned));
        }
        let want = "\
REPOSITORY   TAG       IMAGE ID       CREATED          SIZE
busybox      latest    abababababab   2 weeks ago      4.26MB
foo/bar      1         abababababab   2 weeks ago      4.26MB
<none>       <none>    efefefefefef   30 seconds ago   1GB
";
        assert_eq!(table.render(), want);
    }

    #[test]
    fn a_cell_cannot_break_out_of_its_row() {
        let mut table = Table::new(["A", "B"]);
        table.row(["x\ny".to_owned(), "\u{1b}[31m".to_owned()]);
        assert_eq!(table.render(), "A         B\nx\\ny      \\u{1b}[31m\n");
    }
}
