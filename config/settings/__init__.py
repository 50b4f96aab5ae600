"""Django settings: `base` is shared; `local` is a checkout, `test` the tests, `production` a deployment."""
