// SPDX-License-Identifier: Apache-2.0
//! Being written.
/// stub
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {}
impl Report {
    /// stub
    pub fn text(&self) -> String { "text\n".into() }
    /// stub
    pub fn html(&self) -> String { "<html>\n".into() }
}
/// stub
pub fn inside() -> Report { Report {} }
