//! Tests of the whole, through real browsers and real servers.
