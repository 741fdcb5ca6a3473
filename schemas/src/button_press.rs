//! button_press
