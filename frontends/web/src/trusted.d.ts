interface TrustedTypePolicyFactory {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): {
    createScriptURL(url: string): unknown;
  };
}

// Only some browsers have it.
declare var trustedTypes: TrustedTypePolicyFactory | undefined;
