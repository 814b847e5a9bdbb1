//! ParameterDescription and RowDescription in logical types.

use pgseal::exec::Error;
use pgseal::sql::Plan;
use pgseal::value::Format;

/// The client's ParameterDescription for the server's (`body`) of a planned statement.
pub fn parameters(body: &[u8], plan: &Plan, out: &mut Vec<u8>) -> Result<(), Error> {
    let _ = (body, plan, out);
    todo!()
}

/// The client's RowDescription, or NoData, for the server's RowDescription (`body`) of a planned statement.
/// `formats`: one a logical column, from the portal; `None` in the answer to a Describe of a statement, which says
/// text for all.
pub fn columns(body: &[u8], plan: &Plan, formats: Option<&[Format]>, out: &mut Vec<u8>) -> Result<(), Error> {
    let _ = (body, plan, formats, out);
    todo!()
}
