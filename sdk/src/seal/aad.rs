//! Associated data of a cell (CELL-4) and the encryption context of a row (CELL-5).
