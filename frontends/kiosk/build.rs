//! Compiles the `.slint` files, with the catalogues of `lang/` inside.

use slint_build::{CompilerConfiguration, DefaultTranslationContext, EmbedResourcesKind};

fn main() -> Result<(), slint_build::CompileError> {
    let config = CompilerConfiguration::new()
        .with_style("fluent".to_owned())
        .embed_resources(EmbedResourcesKind::EmbedFiles)
        .with_bundled_translations("lang")
        .with_default_translation_context(DefaultTranslationContext::None)
        // The names by which tests and screen readers find things.
        .with_debug_info(true);
    slint_build::compile_with_config("ui/kiosk.slint", config)
}
