//! Columns under headings.

use std::io::{Result, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::format::visible;

/// Between two columns.
const GAP: usize = 2;

/// Rows of equal length, the headings first.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

/// One place in a table.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    style: Style,
    is_number: bool,
}

impl Cell {
    /// A text, in which whatever could steer the terminal is shown instead of obeyed.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self {
            text: visible(text.as_ref()),
            style: Style::new(),
            is_number: false,
        }
    }

    /// A figure, which stands to the right.
    pub(crate) fn number(text: &impl ToString) -> Self {
        Self {
            is_number: true,
            ..Self::new(text.to_string())
        }
    }

    /// A text, or a dash where there is none.
    pub(crate) fn maybe(text: Option<impl AsRef<str>>) -> Self {
        text.map_or_else(|| Self::new("-").styled(Style::new().dimmed()), Self::new)
    }

    /// The same in that style.
    #[must_use]
    pub(crate) fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        let bold = Style::new().bold();
        Self {
            rows: vec![headings.map(|heading| Cell::new(heading).styled(bold)).to_vec()],
        }
    }

    /// Adds a row, which has a cell for each heading.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Writes it all.
    pub(crate) fn write(&self, to: &mut dyn Write) -> Result<()> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            self.rows
                .iter()
                .map(|row| row[column].text.width())
                .max()
                .unwrap_or(0)
        };
        // A column is as its first figure is: headings stand where their column stands.
        let is_number = |column: usize| self.rows.get(1).is_some_and(|row| row[column].is_number);
        for row in &self.rows {
            for (column, Cell { text, style, .. }) in row.iter().enumerate() {
                let rest = width(column) - text.width();
                let (before, after) = if is_number(column) { (rest, 0) } else { (0, rest) };
                let after = if column + 1 == columns { 0 } else { after + GAP };
                write!(to, "{:before$}{style}{text}{style:#}{:after$}", "", "")?;
            }
            writeln!(to)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(table: &Table) -> String {
        let mut bytes = Vec::new();
        table.write(&mut anstream::StripStream::new(&mut bytes)).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn columns_stand_under_their_headings() {
        let mut table = Table::new(["ID", "MIB", "LABELS"]);
        table.row(["a".into(), Cell::number(&96), "x".into()]);
        table.row(["日本".into(), Cell::number(&2048), Cell::maybe(None::<&str>)]);
        assert_eq!(
            written(&table),
            "ID     MIB  LABELS\na       96  x\n日本  2048  -\n"
        );
    }

    #[test]
    fn a_strangers_text_does_not_steer_the_terminal() {
        let mut table = Table::new(["NAME"]);
        table.row(["\u{1b}[2Jgone\nnext".into()]);
        assert_eq!(written(&table), "NAME\n\\u{1b}[2Jgone\\nnext\n");
    }

    #[test]
    fn an_empty_table_is_its_headings() {
        assert_eq!(written(&Table::new(["ID", "STATE"])), "ID  STATE\n");
    }
}
