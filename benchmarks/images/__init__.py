"""GANs on images: losses times regularisers times optimisers, tuned by one protocol and compared at equal budgets."""
