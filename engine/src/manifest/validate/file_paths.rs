//! Rules for paths inside volumes and containers.

use super::errors::{Bad, Errors, Path};

/// `validatePathNoBacksteps`.
pub(super) fn no_backsteps(target: &str, path: &Path<'_>, errors: &mut Errors) {
    if target.split('/').any(|part| part == "..") {
        errors.invalid(path, Bad::Text(target), "must not contain '..'");
    }
}

/// `validateLocalDescendingPath`: relative, without `..`.
pub(super) fn descending_path(target: &str, path: &Path<'_>, errors: &mut Errors) {
    if target.starts_with('/') {
        errors.invalid(path, Bad::Text(target), "must be a relative path");
    }
    no_backsteps(target, path, errors);
}

/// `ValidateLocalNonReservedPath`: nor may it begin with two dots.
pub(super) fn local_path(target: &str, path: &Path<'_>, errors: &mut Errors) {
    descending_path(target, path, errors);
    if target.starts_with("..") && !target.starts_with("../") {
        errors.invalid(path, Bad::Text(target), "must not start with '..'");
    }
}
