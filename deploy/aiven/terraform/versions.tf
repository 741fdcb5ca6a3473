terraform {
  # A variable's validation may ask for other variables from 1.9 on.
  required_version = ">= 1.9"

  required_providers {
    aiven = {
      source  = "aiven/aiven"
      version = ">= 4.45.0, < 5.0.0"
    }
  }
}

# Takes the token from the variable AIVEN_TOKEN, so that it is in no file here and not in the state.
provider "aiven" {}
