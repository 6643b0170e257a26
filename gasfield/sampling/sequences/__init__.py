"""Whole sequences of a language model at a temperature: ancestral sampling, and Boltzmann's law by Metropolis moves.

Of sequences x of fixed length L after a prompt, with E(x) = -log p(x) = sum_k E_k, there are two laws at temperature T:

    ancestral   q_T(x) = prod_k p(x_k | x_<k)^(1/T) / Z_k(x_<k)     what a sampler with a token temperature draws from
    Boltzmann   p(x)^(1/T) / Z                                      the canonical law over sequences

They agree at T = 1 only: their ratio is prod_k Z_k(x_<k), which depends on the prefixes. The length is fixed, because
summed over all lengths Z diverges above some temperature T_c > 1.
"""
