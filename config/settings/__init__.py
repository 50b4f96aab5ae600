"""Django settings: `base` is shared; `local` is a checkout, `test` the test suite, `production` a deployment."""
