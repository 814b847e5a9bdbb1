//! sqlparser as the analyser: masked copy, limits, agreement of its tokens with ours (SQL-3, SQL-6).
