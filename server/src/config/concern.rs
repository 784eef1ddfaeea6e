//! One macro that makes a config struct, its parser and its documentation from the same lines.

use super::ConfigOption;

/// A section of the configuration.
pub(super) trait Concern {
    /// The section's name in the file.
    fn section(&self) -> &'static str;
    /// Its options.
    fn options(&self) -> Vec<ConfigOption>;
    /// The value of an option in its written form.
    fn get(&self, name: &str) -> Option<String>;
    /// Sets an option; `Ok(false)` if there is none of this name, an error says what was expected.
    fn set(&mut self, name: &str, text: &str) -> Result<bool, &'static str>;
}

macro_rules! concern {
    (
        $(#[doc = $about:literal])+
        $struct:ident in $section:literal {
            $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:literal, $unit:literal, $variable:literal;)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $struct {
            $(
                $(#[doc = $doc])+
                #[doc = ""]
                #[doc = concat!("Variable `", $variable, "`; unit: ", $unit, "; default: `", $default, "`.")]
                pub $field: $type,
            )+
        }

        impl Default for $struct {
            fn default() -> Self {
                // That every default is a value of its type is tested.
                Self { $($field: <$type as $crate::config::OptionValue>::read($default).unwrap_or_else(|_| {
                    <$type as $crate::config::OptionValue>::fallback()
                }),)+ }
            }
        }

        impl $crate::config::concern::Concern for $struct {
            fn section(&self) -> &'static str {
                $section
            }

            fn options(&self) -> Vec<$crate::config::ConfigOption> {
                vec![$($crate::config::ConfigOption {
                    key: concat!($section, ".", stringify!($field)).to_owned(),
                    variable: $variable,
                    unit: $unit,
                    default: $default,
                    meaning: concat!($($doc),+).trim().to_owned(),
                },)+]
            }

            fn get(&self, name: &str) -> Option<String> {
                $(if name == stringify!($field) {
                    return Some($crate::config::OptionValue::write(&self.$field));
                })+
                None
            }

            fn set(&mut self, name: &str, text: &str) -> Result<bool, &'static str> {
                $(if name == stringify!($field) {
                    self.$field = <$type as $crate::config::OptionValue>::read(text)?;
                    return Ok(true);
                })+
                Ok(false)
            }
        }
    };
}
pub(super) use concern;
